/* Words of a table that stand in the documents only: tools/mkdocs writes paragraphs of docs/ from such
 * tables, with DOC(text) taken as text, and DOC_FIELD(text) as one more field. Nothing of them is compiled.
 */
#pragma once

#ifndef DOC
#define DOC(text) ""
#define DOC_FIELD(text)
#endif

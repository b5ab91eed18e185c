/* Text in tables that is meant for the documents only: tools/mkdocs generates paragraphs of docs/ from such
 * tables, with DOC(text) as text and DOC_FIELD(text) as one more field. None of it is compiled. */
#pragma once

#ifndef DOC
#define DOC(text) ""
#define DOC_FIELD(text)
#endif

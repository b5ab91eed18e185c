/* The key that firmware for this model is signed with, RSA-2048, exponent 65537: its public half, big-endian. The other
 * half is in mkfw for everyone to see; it signs nothing that a real card takes.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#define FW_KEY_EXPONENT 65537u
#define FW_KEY_BYTES    256u
#define FW_KEY_MODULUS \
	"dcd609cf4d0d01405f8a4f7231703cec0547614d878178470acd096b8c2325ee1f3febf3596927f8b997ff7d0eda077e" \
	"34f64a2178fbc1bf5b911441a0ec4a5b9f840c512feec4eaf453c7c943b6b4f3e167f3cf828044ced50f2b9395eb7d3a" \
	"a2e53a6a00cbccb0664287b5fe5d2d45cef9d22c87a6c228e81592ea32735815e928716bb775ce71b619e5420c3fcd5d" \
	"68c64d2389da4eeeb76d44a3096054a9e68b380fd6ceff47e7f39c46f5527ff9555867d354b87edca0f835846593b616" \
	"16e6d008186b72257d75efc16f23af5c807cfe8ec1b3b7ad9977690d054de6e50f3398c91ac26bfb81dc9da9cc1c0254" \
	"f0455c59686bb3e388860d2b26dfe491"

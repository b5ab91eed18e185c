#include "kernel/err.h"

#define SL_ERR_NAME(n, text) #n,
#define SL_ERR_TEXT(n, text) text,

const char *sl_err_name(enum sl_err e)
{
	static const char *const name[] = {SL_ERRORS(SL_ERR_NAME)};
	return (unsigned)e < SL_ERR_COUNT ? name[e] : "?";
}

const char *sl_err_text(enum sl_err e)
{
	static const char *const text[] = {SL_ERRORS(SL_ERR_TEXT)};
	return (unsigned)e < SL_ERR_COUNT ? text[e] : "unknown error";
}

// SPDX-License-Identifier: MIT
/* image/www_auth.c: the input is the value of a WWW-Authenticate header, as any server sends it. */
#include "image/www_auth.h"

#include "base/alloc.h"
#include "base/auto.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(www_auth_done) struct www_auth auth = {0};
	AUTO_FREE char *value = xstrndup((const char *)data, size);
	struct err err = {0};

	if (www_auth_parse(value, &auth, &err) < 0) {
		assert(err.code == ERR_PROTOCOL && err.msg[0]);
		return 0;
	}
	assert(auth.scheme != WWW_AUTH_BEARER || auth.realm);
	assert(!auth.realm || !strpbrk(auth.realm, "\r\n"));
	return 0;
}

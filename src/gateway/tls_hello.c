// SPDX-License-Identifier: MIT
/*
 * The ClientHello: see tls_hello.h.  Bytes are taken out of their records into one handshake
 * message (RFC 8446, 5.1: it may be cut anywhere), which is decoded once it is whole.  One limit,
 * on the bytes of the connection, bounds both.  Nothing may follow the ClientHello in its record;
 * later records are the caller's.
 */
#include "gateway/tls_hello.h"

#include "gateway/be_reader.h"

#include <string.h>

enum {
	RECORD_CHANGE_CIPHER = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	VERSION_MAJOR = 3,
	VERSION_MAJOR_TAKEN = 15, /* up to this one, by careless servers */
	RECORD_CONTENT_MAX = 16384,
	CLIENT_HELLO = 1,
	MESSAGE_HEADER = 4,
	RANDOM_SIZE = 32,
	SESSION_ID_MAX = 32,
	EXTENSION_TYPES = 65536,
	EXTENSION_ECH = 0xfe0d,
	EXTENSION_SNI = 0,
	EXTENSION_ALPN = 16,
	NAME_TYPE_HOST = 0,
};

void tls_hello_init(struct tls_hello *hello)
{
	*hello = (struct tls_hello){.message = BUF_INIT(LIMIT_TLS_HELLO)};
}

void tls_hello_done(struct tls_hello *hello)
{
	buf_done(&hello->message);
}

static enum tls_hello_verdict bad(struct tls_hello *hello, const char *reason)
{
	hello->reason = reason;
	return TLS_HELLO_BAD;
}

/* What is wrong with TLS is another protocol when its version was none of TLS. */
static enum tls_hello_verdict not_tls(struct tls_hello *hello, const char *reason)
{
	return hello->record[1] == VERSION_MAJOR ? bad(hello, reason) : TLS_HELLO_NOT_TLS;
}

/* RFC 6066, 3: one name, of the one type that there is; no address, no dot at the end.  NULL or
 * what is wrong. */
static const char *read_sni(struct tls_hello *hello, struct view data)
{
	struct be_reader in = be_reader_of(data), list = be_reader_of(be_read_run(&in, 2));
	uint32_t type = be_read(&list, 1);
	struct view name = be_read_run(&list, 2);
	char text[HOST_NAME_SIZE];

	if (!be_read_all(&in) || !be_read_all(&list) || type != NAME_TYPE_HOST)
		return "a server name list that is not exactly one host name";
	if (name.len >= sizeof(text) || memchr(name.ptr, '\0', name.len))
		return "a server name that is no host name";
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	if (name.len == 0 || text[name.len - 1] == '.' || !host_name_read(text, hello->name))
		return "a server name that is no host name";
	return NULL;
}

static const char *read_alpn(struct tls_hello *hello, struct view data)
{
	struct be_reader in = be_reader_of(data), list;

	hello->alpn = be_read_run(&in, 2);
	if (!be_read_all(&in) || hello->alpn.len == 0)
		return "malformed protocols (ALPN)";
	list = be_reader_of(hello->alpn);
	while (list.len > 0)
		list.failed |= be_read_run(&list, 1).len == 0;
	return list.failed ? "malformed protocols (ALPN)" : NULL;
}

static const char *read_ech(struct tls_hello *hello, struct view data)
{
	struct be_reader in = be_reader_of(data);
	uint32_t inner = be_read(&in, 1);

	hello->ech = inner ? TLS_HELLO_ECH_INNER : TLS_HELLO_ECH_OUTER;
	if (inner > 1)
		return "malformed encrypted hello (ECH)";
	if (!inner) {
		be_read_bytes(&in, 2 + 2 + 1); /* KDF, AEAD, config id */
		be_read_run(&in, 2);
		in.failed |= be_read_run(&in, 2).len == 0;
	}
	return be_read_all(&in) ? NULL : "malformed encrypted hello (ECH)";
}

static const char *read_extension(struct tls_hello *hello, uint32_t type, struct view data)
{
	switch (type) {
	case EXTENSION_SNI:
		return read_sni(hello, data);
	case EXTENSION_ALPN:
		return read_alpn(hello, data);
	case EXTENSION_ECH:
		return read_ech(hello, data);
	default:
		return NULL;
	}
}

static const char *read_extensions(struct tls_hello *hello, struct be_reader *in)
{
	uint8_t seen[EXTENSION_TYPES / 8] = {0};

	while (in->len > 0) {
		uint32_t type = be_read(in, 2);
		struct view data = be_read_run(in, 2);
		uint8_t bit = (uint8_t)(1 << (type % 8));
		const char *wrong;

		if (in->failed)
			return "malformed extensions";
		if (seen[type / 8] & bit)
			return "an extension twice";
		seen[type / 8] |= bit;
		wrong = read_extension(hello, type, data);
		if (wrong)
			return wrong;
	}
	return NULL;
}

static enum tls_hello_verdict read_hello(struct tls_hello *hello, struct view body)
{
	struct be_reader in = be_reader_of(body), extensions = {0};
	struct view session, suites, compressions;
	const char *wrong;

	be_read_bytes(&in, 2 + RANDOM_SIZE);
	session = be_read_run(&in, 1);
	suites = be_read_run(&in, 2);
	compressions = be_read_run(&in, 1);
	if (in.len > 0)
		extensions = be_reader_of(be_read_run(&in, 2));
	if (!be_read_all(&in) || session.len > SESSION_ID_MAX || suites.len == 0 ||
	    suites.len % 2 || compressions.len == 0)
		return bad(hello, "malformed ClientHello");
	wrong = read_extensions(hello, &extensions);
	if (wrong)
		return bad(hello, wrong);
	return hello->name[0] ? TLS_HELLO_NAMED : TLS_HELLO_NO_SNI;
}

/* The message after more of it has come. */
static enum tls_hello_verdict read_message(struct tls_hello *hello)
{
	struct be_reader in = be_reader_of((struct view){hello->message.ptr, hello->message.len});
	struct view body;
	size_t size;

	if (be_read(&in, 1) != CLIENT_HELLO)
		return not_tls(hello, "a handshake that does not begin with a ClientHello");
	if (hello->record[1] != VERSION_MAJOR)
		return bad(hello, "a record of a version that there is not");
	if (hello->message.len < MESSAGE_HEADER)
		return TLS_HELLO_MORE;
	size = be_read(&in, 3);
	if (in.len < size)
		return TLS_HELLO_MORE;
	body = be_read_bytes(&in, size);
	if (in.len > 0 || hello->left > 0)
		return bad(hello, "bytes behind the ClientHello in its record");
	return read_hello(hello, body);
}

/* Could it be a record to any server, as far as it has come?  Careless ones look at hardly anything
 * of the first one's version, and skip an alert (Go's do both). */
static bool is_record(const struct tls_hello *hello)
{
	const uint8_t *header = hello->record;

	if (hello->message.len > 0)
		return header[0] == RECORD_HANDSHAKE &&
		       (hello->record_len == 1 || header[1] == VERSION_MAJOR);
	return header[0] >= RECORD_CHANGE_CIPHER && header[0] <= RECORD_HANDSHAKE &&
	       (hello->record_len == 1 || header[1] <= VERSION_MAJOR_TAKEN);
}

/* The header of a record, as far as it has come. */
static enum tls_hello_verdict read_record(struct tls_hello *hello)
{
	static const size_t skipped[] = {[RECORD_CHANGE_CIPHER] = 1, [RECORD_ALERT] = 2};
	const uint8_t *header = hello->record;
	size_t size = (size_t)header[3] << 8 | header[4];

	if (!is_record(hello))
		return hello->message.len == 0 ? TLS_HELLO_NOT_TLS
					       : bad(hello, "a ClientHello that breaks off");
	if (hello->record_len < sizeof(hello->record))
		return TLS_HELLO_MORE;
	if (header[0] != RECORD_HANDSHAKE)
		return size == skipped[header[0]] ? bad(hello, "a record before the ClientHello")
						  : TLS_HELLO_NOT_TLS;
	if (size == 0 || size > RECORD_CONTENT_MAX)
		return not_tls(hello, "a record of an impossible size");
	hello->left = size;
	return TLS_HELLO_MORE;
}

/* Takes the next run of bytes that are all header or all content, and returns how many. */
static size_t take(struct tls_hello *hello, struct view bytes)
{
	size_t len;

	if (hello->left == 0) {
		if (hello->record_len == sizeof(hello->record))
			hello->record_len = 0;
		hello->record[hello->record_len++] = (uint8_t)bytes.ptr[0];
		hello->verdict = read_record(hello);
		return 1;
	}
	len = MIN(bytes.len, hello->left);
	buf_put(&hello->message, bytes.ptr, len);
	hello->left -= len;
	hello->verdict = read_message(hello);
	return len;
}

enum tls_hello_verdict tls_hello_feed(struct tls_hello *hello, struct view bytes)
{
	while (hello->verdict == TLS_HELLO_MORE && bytes.len > 0) {
		size_t used = take(hello, bytes);

		hello->total += used;
		bytes.ptr += used;
		bytes.len -= used;
		if (hello->verdict == TLS_HELLO_MORE && hello->total >= LIMIT_TLS_HELLO)
			hello->verdict = bad(hello, "too large a ClientHello");
	}
	return hello->verdict;
}

bool tls_hello_offers(const struct tls_hello *hello, const char *protocol)
{
	struct be_reader list = be_reader_of(hello->alpn);

	while (list.len > 0) {
		if (view_equals(be_read_run(&list, 1), protocol))
			return true;
	}
	return false;
}

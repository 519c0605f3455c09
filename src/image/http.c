// SPDX-License-Identifier: MIT
/*
 * HTTP requests: see http.h.
 *
 * Three loops, one inside the other: http_send() tries again after a failure that may pass, waiting
 * in between; follow() takes redirects, leaving the credentials behind when the host changes and
 * never going from HTTPS to HTTP; once() is one exchange by libcurl.  A try that brought some of
 * the body does not count: what a cut costs is a Range request from where the sink stands.  A
 * server that ignores the range sends from the start, and what the sink has had is read past.
 *
 * Failure modes: a sink's error ends everything and is passed on as it is; statuses are the
 * caller's to judge.
 */
#include "image/http.h"

#include "base/alloc.h"
#include "base/strv.h"
#include "base/text.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
	REDIRECTS_MAX = 10,
	TRIES = 3,
	CUTS_MAX = 20, /* tries in all, those that brought something included */
	RETRY_AFTER_MAX_S = 30,
	ERROR_BODY_MAX = 64 * 1024,
	CHALLENGES_MAX = 8,
	RECEIVE_SIZE = 128 * 1024,
};

struct http {
	const struct http_config *config;
	CURL *curl;
	char *no_proxy;
};

/* One exchange in progress. */
struct exchange {
	struct http *http;
	struct http_request *request;
	struct http_response *response;
	struct err *err;
	uint64_t skip;	      /* bytes of the body that the sink has had already */
	uint64_t range_start; /* of Content-Range */
	unsigned retry_after_s;
	bool started;	  /* the body has begun */
	bool failed;	  /* *err is set and final */
	bool sink_failed; /* it is the sink's */
};

struct http *http_new(const struct http_config *config)
{
	struct http *http = xcalloc(1, sizeof(*http));
	const char *no_proxy = config->no_proxy ? config->no_proxy : "";

	http->config = config;
	http->curl = curl_easy_init();
	if (!http->curl)
		abort(); /* out of memory */
	http->no_proxy = strcmp(no_proxy, "*") == 0 ? xstrdup("*")
						    : xasprintf("%s%slocalhost,127.0.0.0/8,::1",
								no_proxy, *no_proxy ? "," : "");
	return http;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->curl);
	free(http->no_proxy);
	free(http);
}

void http_response_done(struct http_response *response)
{
	strv_free(response->challenges);
	free(response->content_type);
	buf_done(&response->body);
	*response = (struct http_response){.body = BUF_INIT(0)};
}

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_curl(char **text)
{
	curl_free(*text);
}

static char *url_part(const char *text, CURLUPart part)
{
	AUTO(free_url) CURLU *url = curl_url();
	AUTO(free_curl) char *value = NULL;

	if (!url || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl_url_get(url, part, &value, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) !=
		    CURLUE_OK)
		return NULL;
	return xstrdup(value);
}

char *http_url_host(const char *url)
{
	AUTO_FREE char *scheme = url_part(url, CURLUPART_SCHEME);
	AUTO_FREE char *host = url_part(url, CURLUPART_HOST);
	AUTO_FREE char *port = url_part(url, CURLUPART_PORT);

	if (!scheme || !host || !port)
		return xstrdup("?");
	if (strcmp(port, strcmp(scheme, "https") == 0 ? "443" : "80") == 0)
		return STEAL(host);
	return xasprintf("%s:%s", host, port);
}

char *http_escape(const char *text)
{
	AUTO(free_curl) char *escaped = curl_easy_escape(NULL, text, 0);

	return xstrdup(escaped ? escaped : "");
}

static bool is_https(const char *url)
{
	return strncasecmp(url, "https://", 8) == 0;
}

/* The value of the header if it is the one called `name`, blanks trimmed; malloc'ed. */
static char *header_value(const char *line, size_t len, const char *name)
{
	size_t skip = strlen(name);

	if (len <= skip || line[skip] != ':' || strncasecmp(line, name, skip) != 0)
		return NULL;
	for (skip++; skip < len && (line[skip] == ' ' || line[skip] == '\t'); skip++)
		;
	while (len > skip && strchr("\r\n \t", line[len - 1]))
		len--;
	return xstrndup(line + skip, len - skip);
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
	struct exchange *exchange = ctx;
	struct http_response *response = exchange->response;
	size_t len = size * count;
	char *value;

	if ((value = header_value(line, len, "WWW-Authenticate"))) {
		if (strv_count(response->challenges) < CHALLENGES_MAX)
			strv_take(&response->challenges, STEAL(value));
	} else if ((value = header_value(line, len, "Content-Type"))) {
		free(response->content_type);
		response->content_type = STEAL(value);
	} else if ((value = header_value(line, len, "Content-Range"))) {
		if (strncasecmp(value, "bytes ", 6) == 0)
			exchange->range_start = strtoull(value + 6, NULL, 10);
	} else if ((value = header_value(line, len, "Retry-After"))) {
		exchange->retry_after_s =
			(unsigned)MIN(strtoul(value, NULL, 10), (unsigned long)RETRY_AFTER_MAX_S);
	}
	free(value);
	return len;
}

/* The status line is known: where does this body start? */
static int begin_body(struct exchange *exchange)
{
	uint64_t at = exchange->request->at;

	exchange->started = true;
	if (exchange->response->status != 206 || exchange->range_start == at) {
		exchange->skip = exchange->response->status == 206 ? 0 : at;
		return 0;
	}
	return err_set(exchange->err, ERR_PROTOCOL, "asked to continue at byte %llu it sends %llu",
		       (unsigned long long)at, (unsigned long long)exchange->range_start);
}

/* Bytes of a success for the sink. */
static int feed(struct exchange *exchange, const char *bytes, size_t len)
{
	struct http_request *request = exchange->request;
	size_t past = (size_t)MIN(exchange->skip, (uint64_t)len);

	exchange->skip -= past;
	bytes += past;
	len -= past;
	if (request->size && len > request->size - request->at)
		return err_set(exchange->err, ERR_PROTOCOL,
			       "sends more than the %llu bytes it said",
			       (unsigned long long)request->size);
	if (len && request->sink(request->ctx, bytes, len, exchange->err) < 0) {
		exchange->sink_failed = true;
		return -1;
	}
	request->at += len;
	return 0;
}

static int receive(struct exchange *exchange, const char *bytes, size_t len)
{
	struct http_response *response = exchange->response;
	bool success;

	if (!exchange->started) {
		curl_easy_getinfo(exchange->http->curl, CURLINFO_RESPONSE_CODE, &response->status);
		success = response->status == 200 || response->status == 206;
		response->body.max = success ? exchange->request->max_size : ERROR_BODY_MAX;
		if (success && exchange->request->sink && begin_body(exchange) < 0)
			return -1;
		exchange->started = true;
	}
	success = response->status == 200 || response->status == 206;
	if (success && exchange->request->sink)
		return feed(exchange, bytes, len);
	buf_put(&response->body, bytes, len);
	return success ? buf_check(&response->body, "the answer", exchange->err) : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct exchange *exchange = ctx;

	if (receive(exchange, bytes, size * count) == 0)
		return size * count;
	exchange->failed = true;
	return 0; /* libcurl gives up with CURLE_WRITE_ERROR */
}

static struct curl_slist *make_headers(const struct http_request *request, bool authorize)
{
	struct curl_slist *list = NULL;
	const struct {
		const char *name, *value;
	} headers[] = {
		{"Accept", request->accept ? request->accept : "*/*"},
		{"Authorization", authorize ? request->authorization : NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		AUTO_FREE char *line = NULL;

		if (!headers[i].value)
			continue;
		line = xasprintf("%s: %s", headers[i].name, headers[i].value);
		list = curl_slist_append(list, line);
	}
	return list;
}

static void free_headers(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

/* An option can only fail for want of memory or by a libcurl that lacks what it was built with. */
#define SET(option, value)                                                         \
	do {                                                                       \
		if (curl_easy_setopt(curl, CURLOPT_##option, (value)) != CURLE_OK) \
			abort();                                                   \
	} while (0)

static void set_up(struct exchange *exchange, const char *url, char *error)
{
	const struct http_config *config = exchange->http->config;
	const char *proxy = is_https(url) ? config->https_proxy : config->http_proxy;
	CURL *curl = exchange->http->curl;

	curl_easy_reset(curl); /* connections stay */
	SET(URL, url);
	SET(PROTOCOLS_STR, "http,https");
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(NOSIGNAL, 1L);
	SET(USERAGENT, "matchlock");
	SET(ERRORBUFFER, error);
	SET(PROXY, proxy ? proxy : "");
	SET(NOPROXY, exchange->http->no_proxy);
	SET(CONNECTTIMEOUT_MS, (long)config->connect_ms);
	SET(LOW_SPEED_LIMIT, 1L);
	SET(LOW_SPEED_TIME, (long)(config->stall_ms + 999) / 1000);
	/* Refused while a failed transfer's buffer, of this size, is still held. */
	(void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)RECEIVE_SIZE);
	SET(HEADERFUNCTION, on_header);
	SET(HEADERDATA, exchange);
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, exchange);
	SET(SUPPRESS_CONNECT_HEADERS, 1L);
	if (config->ca_file)
		SET(CAINFO, config->ca_file);
}

/* Failures that a second try may mend. */
static bool may_pass(CURLcode code)
{
	static const CURLcode codes[] = {
		CURLE_COULDNT_RESOLVE_PROXY,
		CURLE_COULDNT_RESOLVE_HOST,
		CURLE_COULDNT_CONNECT,
		CURLE_PARTIAL_FILE,
		CURLE_OPERATION_TIMEDOUT,
		CURLE_SSL_CONNECT_ERROR,
		CURLE_SEND_ERROR,
		CURLE_RECV_ERROR,
		CURLE_GOT_NOTHING,
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

/* Tells of a failed transfer: 1 when a retry may help, else -1. */
static int explain(struct exchange *exchange, CURLcode code, const char *error, struct err *err)
{
	long errnum = 0;

	if (exchange->failed)
		return -1;
	curl_easy_getinfo(exchange->http->curl, CURLINFO_OS_ERRNO, &errnum);
	if (errnum == EACCES && code == CURLE_COULDNT_CONNECT)
		return err_set(err, ERR_DENIED,
			       "the image worker may not connect to this port: add it to the "
			       "\"ports\" of the registry in registries.json");
	err_set_(err, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE, "%.200s",
		 *error ? error : curl_easy_strerror(code));
	return may_pass(code) ? 1 : -1;
}

/* One exchange: 0 with a status, 1 for a failure that may pass, -1. */
static int once(struct exchange *exchange, const char *url, bool authorize, struct err *err)
{
	struct http_request *request = exchange->request;
	AUTO(free_headers) struct curl_slist *headers = make_headers(request, authorize);
	AUTO_FREE char *range = NULL;
	CURL *curl = exchange->http->curl;
	char error[CURL_ERROR_SIZE] = "";
	CURLcode code;

	http_response_done(exchange->response);
	exchange->started = exchange->failed = false;
	exchange->skip = exchange->range_start = exchange->retry_after_s = 0;
	set_up(exchange, url, error);
	SET(HTTPHEADER, headers);
	if (request->form)
		SET(POSTFIELDS, request->form);
	if (request->at) {
		range = xasprintf("%llu-", (unsigned long long)request->at);
		SET(RANGE, range);
	}
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange->response->status);
	if (code != CURLE_OK)
		return explain(exchange, code, error, err);
	if (request->sink && request->at < request->size &&
	    (exchange->response->status == 200 || exchange->response->status == 206)) {
		err_set_(err, ERR_PROTOCOL, "sends %llu bytes instead of the %llu it said",
			 (unsigned long long)request->at, (unsigned long long)request->size);
		return 1;
	}
	return 0;
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* An exchange with its redirects; *host is that of the last URL. */
static int follow(struct exchange *exchange, char **host, struct err *err)
{
	AUTO_FREE char *url = xstrdup(exchange->request->url);
	AUTO_FREE char *first_host = http_url_host(url);
	bool authorize = true;

	for (int count = 0; count <= REDIRECTS_MAX; count++) {
		char *next = NULL;
		int rc;

		free(*host);
		*host = http_url_host(url);
		authorize = authorize && strcasecmp(*host, first_host) == 0 &&
			    is_https(url) == is_https(exchange->request->url);
		rc = once(exchange, url, authorize, err);
		if (rc != 0 || !is_redirect(exchange->response->status))
			return rc;
		curl_easy_getinfo(exchange->http->curl, CURLINFO_REDIRECT_URL, &next);
		if (!next || (strncasecmp(next, "http://", 7) != 0 && !is_https(next)))
			return err_set(err, ERR_PROTOCOL, "redirects to nowhere");
		if (is_https(url) && !is_https(next))
			return err_set(err, ERR_DENIED, "redirects from HTTPS to plain HTTP");
		free(url);
		url = xstrdup(next);
	}
	return err_set(err, ERR_PROTOCOL, "redirects more than %d times", REDIRECTS_MAX);
}

static bool status_may_pass(long status)
{
	static const long statuses[] = {408, 429, 499, 500, 502, 503, 504, 522};

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		if (statuses[i] == status)
			return true;
	}
	return false;
}

static void wait_ms(uint64_t ms)
{
	struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

int http_send(struct http *http, struct http_request *request, struct http_response *response,
	      struct err *err)
{
	struct exchange exchange = {
		.http = http, .request = request, .response = response, .err = err};
	unsigned tries = request->tries ? request->tries : TRIES, failures = 0;
	uint64_t pause = http->config->backoff_ms;
	AUTO_FREE char *host = NULL;

	for (int total = 1;; total++) {
		uint64_t before = request->at;
		int rc = follow(&exchange, &host, err);

		if (rc == 0 && !status_may_pass(response->status))
			return 0;
		if (request->at > before) {
			failures = 0;
			pause = http->config->backoff_ms;
		}
		if (exchange.sink_failed)
			return -1;
		if (rc < 0 || ++failures >= tries || total >= CUTS_MAX)
			return rc == 0 ? 0 : err_wrap(err, "%s", host);
		wait_ms(MAX(pause, exchange.retry_after_s * UINT64_C(1000)));
		pause *= 3;
	}
}

// SPDX-License-Identifier: MIT
/* The packets between a gateway and its resolver process: see resolver_wire.h. */
#include "gateway/resolver_wire.h"

#include "wire/pack.h"

#include <string.h>

void resolver_question_pack(struct buf *buf, const struct resolver_question *question)
{
	pack_u32(buf, question->id);
	pack_u32(buf, question->type);
	pack_str(buf, question->name);
}

int resolver_question_unpack(struct view packet, struct resolver_question *ret_question,
			     struct err *err)
{
	struct unpack in = unpack_of(packet);
	struct resolver_question question = {.id = unpack_u32(&in)};
	uint32_t type = unpack_u32(&in);
	struct view text = unpack_bytes(&in);
	char name[HOST_NAME_SIZE] = "";

	if (unpack_done(&in, "resolver question", err) < 0)
		return -1;
	if (text.len < sizeof(name))
		memcpy(name, text.ptr, text.len);
	/* Equal in its one form, so that nothing behind a NUL is overlooked either. */
	if (type > UINT16_MAX || !host_name_read(name, question.name) ||
	    !view_equals(text, question.name))
		return err_set(err, ERR_PROTOCOL, "resolver question: malformed");
	question.type = (uint16_t)type;
	*ret_question = question;
	return 0;
}

void resolver_answer_pack(struct buf *buf, const struct resolver_answer *answer)
{
	pack_u32(buf, answer->id);
	pack_u8(buf, (uint8_t)answer->rcode);
	pack_u32(buf, (uint32_t)answer->ip_count);
	for (size_t i = 0; i < answer->ip_count; i++)
		buf_put(buf, answer->ips[i].bytes, sizeof(answer->ips[i].bytes));
	pack_u32(buf, (uint32_t)answer->record_count);
	for (size_t i = 0; i < answer->record_count; i++) {
		pack_u32(buf, answer->records[i].type);
		pack_u32(buf, answer->records[i].ttl);
		pack_bytes(buf, answer->records[i].data);
	}
}

static bool take_ips(struct unpack *in, struct resolver_answer *answer)
{
	const size_t size = sizeof(answer->ips[0].bytes);
	size_t count = unpack_u32(in);

	if (count > LIMIT_RESOLVED || in->len < count * size)
		return false;
	for (size_t i = 0; i < count; i++)
		memcpy(answer->ips[i].bytes, in->ptr + i * size, size);
	in->ptr += count * size;
	in->len -= count * size;
	answer->ip_count = count;
	return true;
}

static bool take_records(struct unpack *in, struct resolver_answer *answer)
{
	size_t count = unpack_u32(in);

	if (count > LIMIT_RESOLVER_RECORDS)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct dns_record *record = &answer->records[i];
		uint32_t type = unpack_u32(in);

		record->type = (uint16_t)type;
		record->ttl = unpack_u32(in);
		record->data = unpack_bytes(in);
		if (in->failed || type > UINT16_MAX || !dns_data_ok(record->type, record->data))
			return false;
	}
	answer->record_count = count;
	return true;
}

static bool makes_sense(const struct resolver_answer *answer)
{
	size_t count = answer->ip_count + answer->record_count;

	switch (answer->rcode) {
	case DNS_NOERROR:
		return answer->ip_count == 0 || answer->record_count == 0;
	case DNS_NXDOMAIN:
	case DNS_SERVFAIL:
		return count == 0;
	default:
		return false;
	}
}

int resolver_answer_unpack(struct view packet, struct resolver_answer *ret_answer, struct err *err)
{
	struct unpack in = unpack_of(packet);

	ret_answer->id = unpack_u32(&in);
	ret_answer->rcode = unpack_u8(&in);
	ret_answer->ip_count = ret_answer->record_count = 0;
	if (!take_ips(&in, ret_answer) || !take_records(&in, ret_answer) ||
	    !makes_sense(ret_answer))
		return err_set(err, ERR_PROTOCOL, "resolver answer: malformed");
	return unpack_done(&in, "resolver answer", err);
}

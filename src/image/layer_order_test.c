// SPDX-License-Identifier: MIT
#include "image/layer_order.h"

#include "base/tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, A_WHILE_US = 20000 };

/* A layer's thread that takes memory, or with none just waits for the layers below. */
struct taker {
	struct layer_order *order;
	size_t layer, size;
	atomic_bool ended;
	int result;
	struct err err;
	pthread_t thread;
};

static void *take_thread(void *arg)
{
	struct taker *taker = arg;

	taker->result = taker->size > 0 ? layer_order_take(taker->order, taker->layer, taker->size,
							   &taker->err)
					: layer_order_wait(taker->order, taker->layer, &taker->err);
	atomic_store(&taker->ended, true);
	return NULL;
}

static void start(struct taker *taker)
{
	CHECK(pthread_create(&taker->thread, NULL, take_thread, taker) == 0);
	usleep(A_WHILE_US);
}

static void test_wait(void)
{
	AUTO(auto_layer_order) struct layer_order *order = layer_order_new(3);
	struct taker waits = {.order = order, .layer = 2};
	struct taker takes = {.order = order, .layer = 1, .size = LAYER_MEMORY_MAX - MIB};
	struct err err = {0};

	TEST("a layer's share is had at once, the rest once the layers below are finished");
	CHECK(layer_order_take(order, 1, MIB, &err) == 0);
	start(&waits);
	start(&takes);
	CHECK(!atomic_load(&waits.ended) && !atomic_load(&takes.ended));
	CHECK(layer_order_take(order, 0, LAYER_MEMORY_MAX, &err) == 0);
	layer_order_finish(order, 0);
	pthread_join(takes.thread, NULL);
	CHECK(takes.result == 0);

	TEST("nobody has more than the maximum");
	CHECK(layer_order_take(order, 1, 1, &err) < 0 && err.code == ERR_LIMIT);
	layer_order_give(order, 1, 1);
	CHECK(layer_order_take(order, 1, 1, &err) == 0);

	TEST("who waits for the layers below waits for all of them");
	CHECK(!atomic_load(&waits.ended));
	layer_order_finish(order, 1);
	pthread_join(waits.thread, NULL);
	CHECK(waits.result == 0);
}

static void test_cancel(void)
{
	AUTO(auto_layer_order) struct layer_order *order = layer_order_new(2);
	struct taker waits = {.order = order, .layer = 1};

	TEST("a cancel ends the waiting");
	start(&waits);
	layer_order_cancel(order);
	pthread_join(waits.thread, NULL);
	CHECK(waits.result < 0 && waits.err.code == ERR_CANCELLED);
}

int main(void)
{
	test_wait();
	test_cancel();
	return tap_done();
}

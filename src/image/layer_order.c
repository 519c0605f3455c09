// SPDX-License-Identifier: MIT
/* See layer_order.h.  One lock. */
#include "image/layer_order.h"

#include "base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct layer_order {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* `lowest` or `cancelled` */
	bool cancelled;
	size_t lowest; /* layer that is not finished */
	size_t count;
	struct {
		bool finished;
		size_t taken; /* bytes */
	} layers[];
};

struct layer_order *layer_order_new(size_t count)
{
	struct layer_order *order = xcalloc(1, sizeof(*order) + count * sizeof(order->layers[0]));

	order->count = count;
	pthread_mutex_init(&order->lock, NULL);
	pthread_cond_init(&order->changed, NULL);
	return order;
}

void layer_order_free(struct layer_order *order)
{
	if (!order)
		return;
	pthread_cond_destroy(&order->changed);
	pthread_mutex_destroy(&order->lock);
	free(order);
}

void layer_order_finish(struct layer_order *order, size_t layer)
{
	assert(layer < order->count);
	pthread_mutex_lock(&order->lock);
	order->layers[layer].finished = true;
	order->layers[layer].taken = 0;
	while (order->lowest < order->count && order->layers[order->lowest].finished)
		order->lowest++;
	pthread_cond_broadcast(&order->changed);
	pthread_mutex_unlock(&order->lock);
}

void layer_order_cancel(struct layer_order *order)
{
	pthread_mutex_lock(&order->lock);
	order->cancelled = true;
	pthread_cond_broadcast(&order->changed);
	pthread_mutex_unlock(&order->lock);
}

/* With the lock. */
static int wait_for_lower(struct layer_order *order, size_t layer, struct err *err)
{
	while (order->lowest < layer && !order->cancelled)
		pthread_cond_wait(&order->changed, &order->lock);
	if (order->cancelled)
		return err_set(err, ERR_CANCELLED, "another layer has failed");
	return 0;
}

int layer_order_wait(struct layer_order *order, size_t layer, struct err *err)
{
	int result;

	pthread_mutex_lock(&order->lock);
	result = wait_for_lower(order, layer, err);
	pthread_mutex_unlock(&order->lock);
	return result;
}

/* With the lock. */
static int take(struct layer_order *order, size_t layer, size_t size, struct err *err)
{
	size_t *taken = &order->layers[layer].taken;

	if (size > LAYER_MEMORY_MAX - *taken)
		return err_set(err, ERR_LIMIT,
			       "the layer's names and its zstd window take more than %d MiB of "
			       "memory: divide it into smaller ones",
			       LAYER_MEMORY_MAX >> 20);
	if (*taken + size > LAYER_MEMORY_SHARE && wait_for_lower(order, layer, err) < 0)
		return -1;
	*taken += size;
	return 0;
}

int layer_order_take(struct layer_order *order, size_t layer, size_t size, struct err *err)
{
	int result;

	assert(layer < order->count);
	pthread_mutex_lock(&order->lock);
	result = take(order, layer, size, err);
	pthread_mutex_unlock(&order->lock);
	return result;
}

void layer_order_give(struct layer_order *order, size_t layer, size_t size)
{
	pthread_mutex_lock(&order->lock);
	assert(order->layers[layer].taken >= size);
	order->layers[layer].taken -= size;
	pthread_mutex_unlock(&order->lock);
}

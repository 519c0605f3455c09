// SPDX-License-Identifier: MIT
/*
 * image_lookup CACHE REF: what `run` does for an image that the store has, with a store opened
 * anew each time as a process of its own would; prints the median in milliseconds.
 */
#include "base/auto.h"
#include "base/err.h"
#include "image/resolve.h"
#include "image/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 201 };

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static int look_up(const char *cache, const char *ref, struct err *err)
{
	const struct resolve_request request = {.ref = ref, .policy = PULL_NEVER};
	AUTO(auto_store) struct store *store = NULL;
	AUTO(auto_image) struct image *image = NULL;
	bool pulled;

	if (store_open(cache, &store, err) < 0)
		return -1;
	return resolve_image(store, &request, &image, &pulled, err);
}

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	double times[ROUNDS];
	struct err err;

	for (size_t i = 0; i < ROUNDS; i++) {
		double start = now_ms();

		if (argc != 3 || look_up(argv[1], argv[2], &err) < 0) {
			fprintf(stderr, "image_lookup: %s\n",
				argc == 3 ? err.msg : "usage: image_lookup CACHE REF");
			return 1;
		}
		times[i] = now_ms() - start;
	}
	qsort(times, ROUNDS, sizeof(times[0]), by_size);
	printf("%.3f\n", times[ROUNDS / 2]);
	return 0;
}

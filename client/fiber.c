/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "error.h"

/* Several times what the deepest call takes; pages that are not touched cost nothing. Below it lies a page
 * that nobody may touch. */
#define STACK_BYTES ((size_t)512 * 1024)

/* Sanitizers want to be told when the stack is another one. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

struct fiber {
	ucontext_t inside;
	ucontext_t outside;
	void (*run)(void *);
	void *context;
	uint8_t *memory; /* the guarding page and the stack */
	size_t n;
	bool over;
#if defined(__SANITIZE_ADDRESS__)
	void *fake_outside;
	const void *stack_outside;
	size_t n_outside;
#endif
#if defined(__SANITIZE_THREAD__)
	void *tsan_inside;
	void *tsan_outside;
#endif
};

/* --- the way in and out --- */

static void enter(struct fiber *f)
{
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(&f->fake_outside, f->inside.uc_stack.ss_sp, STACK_BYTES);
#endif
#if defined(__SANITIZE_THREAD__)
	f->tsan_outside = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(f->tsan_inside, 0);
#endif
	swapcontext(&f->outside, &f->inside);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(f->fake_outside, NULL, NULL);
#endif
}

/* for_ever: it will not be entered again. */
static void leave(struct fiber *f, bool for_ever)
{
#if defined(__SANITIZE_ADDRESS__)
	void *fake = NULL;
	__sanitizer_start_switch_fiber(for_ever ? NULL : &fake, f->stack_outside, f->n_outside);
#endif
#if defined(__SANITIZE_THREAD__)
	__tsan_switch_to_fiber(f->tsan_outside, 0);
#endif
	(void)for_ever;
	swapcontext(&f->inside, &f->outside);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(fake, &f->stack_outside, &f->n_outside);
#endif
}

/* makecontext hands over ints only. */
static void begin(unsigned high, unsigned low)
{
	struct fiber *f = (struct fiber *)((uintptr_t)high << 32 | low); /* NOLINT */
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(NULL, &f->stack_outside, &f->n_outside);
#endif
	f->run(f->context);
	f->over = true;
	leave(f, true);
}

/* --- the life of a fiber --- */

static int make_stack(struct fiber *f)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	f->n = page + STACK_BYTES;
	void *memory =
		mmap(NULL, f->n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED)
		return E_NO_MEMORY;
	f->memory = memory;
	if (mprotect(f->memory + page, STACK_BYTES, PROT_READ | PROT_WRITE))
		return E_NO_MEMORY;
	f->inside.uc_stack.ss_sp = f->memory + page;
	f->inside.uc_stack.ss_size = STACK_BYTES;
	return 0;
}

int fiber_new(void (*run)(void *), void *context, struct fiber **ret)
{
	struct fiber *f = calloc(1, sizeof(*f));
	if (!f)
		return E_NO_MEMORY;
	f->run = run;
	f->context = context;
	if (getcontext(&f->inside) || make_stack(f)) {
		fiber_free(f);
		return E_NO_MEMORY;
	}
#if defined(__SANITIZE_THREAD__)
	f->tsan_inside = __tsan_create_fiber(0);
#endif
	uintptr_t self = (uintptr_t)f;
	makecontext(&f->inside, (void (*)(void))begin, 2, (unsigned)(self >> 32), (unsigned)self);
	*ret = f;
	return 0;
}

bool fiber_resume(struct fiber *f)
{
	if (!f->over)
		enter(f);
	return f->over;
}

void fiber_pause(struct fiber *f)
{
	leave(f, false);
}

void fiber_free(struct fiber *f)
{
	if (!f)
		return;
#if defined(__SANITIZE_THREAD__)
	if (f->tsan_inside)
		__tsan_destroy_fiber(f->tsan_inside);
#endif
	if (f->memory)
		munmap(f->memory, f->n);
	free(f);
}

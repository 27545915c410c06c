#include "cuda/emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#include "cuda/emulator/sanitizers.h"

// swapcontext() asks the system to save the signal mask and takes 60 times as long as a switch of
// our own, so it serves only the processors for which none is written.
#if !defined(CHAINLINE_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define CHAINLINE_UCONTEXT
#endif
#ifdef CHAINLINE_UCONTEXT
#include <ucontext.h>
#endif
#if CHAINLINE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if CHAINLINE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

// chainline_switch_context(from, to) saves the registers that a function must keep on the stack,
// stores the stack's top in *from and goes on where `to` was stored. A new fiber begins in
// chainline_fiber_entry, which has no caller; the cfi line tells debuggers so, and their backtraces
// end there.
#ifndef CHAINLINE_UCONTEXT
extern "C" void chainline_switch_context(void** from, void* to);
extern "C" void chainline_fiber_entry();
#if defined(__x86_64__)
// It leaves by a jump: a `ret` to an address that no call pushed is predicted wrongly each time,
// which costs three times as much as the rest.
asm(R"(
.text
.p2align 4
.type chainline_switch_context, @function
.hidden chainline_switch_context
.globl chainline_switch_context
chainline_switch_context:
  .cfi_startproc
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  pushq %r12
  .cfi_adjust_cfa_offset 8
  pushq %r13
  .cfi_adjust_cfa_offset 8
  pushq %r14
  .cfi_adjust_cfa_offset 8
  pushq %r15
  .cfi_adjust_cfa_offset 8
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  .cfi_adjust_cfa_offset -8
  popq %r14
  .cfi_adjust_cfa_offset -8
  popq %r13
  .cfi_adjust_cfa_offset -8
  popq %r12
  .cfi_adjust_cfa_offset -8
  popq %rbx
  .cfi_adjust_cfa_offset -8
  popq %rbp
  .cfi_adjust_cfa_offset -8
  popq %rcx
  .cfi_adjust_cfa_offset -8
  .cfi_register %rip, %rcx
  jmpq *%rcx
  .cfi_endproc
.size chainline_switch_context, .-chainline_switch_context

.p2align 4
.type chainline_fiber_entry, @function
.hidden chainline_fiber_entry
.globl chainline_fiber_entry
chainline_fiber_entry:
  .cfi_startproc
  .cfi_undefined %rip
  movq %r12, %rdi
  callq *%r13
  ud2
  .cfi_endproc
.size chainline_fiber_entry, .-chainline_fiber_entry
)");
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.type chainline_switch_context, @function
.hidden chainline_switch_context
.globl chainline_switch_context
chainline_switch_context:
  .cfi_startproc
  sub sp, sp, #160
  .cfi_adjust_cfa_offset 160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  .cfi_adjust_cfa_offset -160
  mov x9, x30
  br x9
  .cfi_endproc
.size chainline_switch_context, .-chainline_switch_context

.p2align 4
.type chainline_fiber_entry, @function
.hidden chainline_fiber_entry
.globl chainline_fiber_entry
chainline_fiber_entry:
  .cfi_startproc
  .cfi_undefined x30
  mov x0, x19
  blr x20
  brk #1
  .cfi_endproc
.size chainline_fiber_entry, .-chainline_fiber_entry
)");
#endif
#endif

namespace chainline::emulator {

Fiber::Fiber(std::size_t stack_bytes) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  stack_bytes_ = (stack_bytes + page - 1) / page * page;
  memory_bytes_ = stack_bytes_ + page;
  void* memory = mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  if (mprotect(memory_, page, PROT_NONE) != 0) {
    munmap(memory_, memory_bytes_);
    throw std::bad_alloc();
  }
  stack_ = memory_ + page;
#if CHAINLINE_THREAD_SANITIZER
  thread_sanitizer_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#if CHAINLINE_THREAD_SANITIZER
  __tsan_destroy_fiber(thread_sanitizer_);
#endif
#if CHAINLINE_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(stack_, stack_bytes_);
#endif
#ifdef CHAINLINE_UCONTEXT
  delete static_cast<ucontext_t*>(own_);
  delete static_cast<ucontext_t*>(owner_);
#endif
  munmap(memory_, memory_bytes_);
}

void Fiber::start(void (*body)(void*), void* argument) {
  body_ = body;
  argument_ = argument;
  finished_ = false;
#if CHAINLINE_ADDRESS_SANITIZER
  // What the frames of the previous run left poisoned must not be taken for this run's.
  __asan_unpoison_memory_region(stack_, stack_bytes_);
#endif
  own_fake_stack_ = nullptr;
  prepare();
}

void Fiber::main(Fiber* fiber) {
#if CHAINLINE_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(nullptr, &fiber->owner_stack_, &fiber->owner_stack_bytes_);
#endif
  fiber->body_(fiber->argument_);
  fiber->finished_ = true;
#if CHAINLINE_ADDRESS_SANITIZER
  // No place to keep the fake stack: this run never comes back.
  __sanitizer_start_switch_fiber(nullptr, fiber->owner_stack_, fiber->owner_stack_bytes_);
#endif
#if CHAINLINE_THREAD_SANITIZER
  __tsan_switch_to_fiber(fiber->owner_thread_sanitizer_, 0);
#endif
  fiber->switch_out();
  std::abort();  // nobody resumes a fiber that has ended
}

void Fiber::resume() {
#if CHAINLINE_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&owner_fake_stack_, stack_, stack_bytes_);
#endif
#if CHAINLINE_THREAD_SANITIZER
  owner_thread_sanitizer_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(thread_sanitizer_, 0);
#endif
  switch_in();
#if CHAINLINE_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(owner_fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
#if CHAINLINE_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&own_fake_stack_, owner_stack_, owner_stack_bytes_);
#endif
#if CHAINLINE_THREAD_SANITIZER
  __tsan_switch_to_fiber(owner_thread_sanitizer_, 0);
#endif
  switch_out();
#if CHAINLINE_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(own_fake_stack_, &owner_stack_, &owner_stack_bytes_);
#endif
}

#ifndef CHAINLINE_UCONTEXT

void Fiber::switch_in() { chainline_switch_context(&owner_, own_); }
void Fiber::switch_out() { chainline_switch_context(&own_, owner_); }

// Lays out what chainline_switch_context takes from a stack, so that the first switch arrives at
// the entry, with main and the fiber in registers that the entry hands on.
void Fiber::prepare() {
  void** top = reinterpret_cast<void**>(stack_ + stack_bytes_);
#if defined(__x86_64__)
  *--top = nullptr;
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&chainline_fiber_entry);
  *--top = nullptr;                         // rbp
  *--top = nullptr;                         // rbx
  *--top = this;                            // r12
  *--top = reinterpret_cast<void*>(&main);  // r13
  *--top = nullptr;                         // r14
  *--top = nullptr;                         // r15
#else
  top -= 20;
  for (int i = 0; i < 20; ++i) top[i] = nullptr;
  top[0] = this;                                              // x19
  top[1] = reinterpret_cast<void*>(&main);                    // x20
  top[11] = reinterpret_cast<void*>(&chainline_fiber_entry);  // x30
#endif
  own_ = top;
}

#else

void Fiber::switch_in() {
  swapcontext(static_cast<ucontext_t*>(owner_), static_cast<ucontext_t*>(own_));
}
void Fiber::switch_out() {
  swapcontext(static_cast<ucontext_t*>(own_), static_cast<ucontext_t*>(owner_));
}

void Fiber::prepare() {
  if (own_ == nullptr) own_ = new ucontext_t;
  if (owner_ == nullptr) owner_ = new ucontext_t;
  auto* context = static_cast<ucontext_t*>(own_);
  getcontext(context);
  context->uc_stack.ss_sp = stack_;
  context->uc_stack.ss_size = stack_bytes_;
  context->uc_link = nullptr;
  // makecontext() hands on ints, so a pointer goes in halves.
  const auto bits = reinterpret_cast<std::uintptr_t>(this);
  void (*entry)(unsigned, unsigned) = [](unsigned high, unsigned low) {
    main(reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 16 << 16) | low));
  };
  makecontext(context, reinterpret_cast<void (*)()>(entry), 2,
              static_cast<unsigned>(bits >> 16 >> 16), static_cast<unsigned>(bits));
}

#endif

}  // namespace chainline::emulator

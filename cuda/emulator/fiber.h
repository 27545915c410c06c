#pragma once

#include <cstddef>

namespace chainline::emulator {

/// A function with a stack of its own, which can stop anywhere and go on later. Each thread of a
/// CUDA block is one.
///
/// It must be resumed by the OS thread that resumed it first until it has ended: the compiler may
/// keep addresses of thread-local variables across suspend(). A fiber that has ended can be started
/// anew, on another OS thread too, and keeps its stack.
class Fiber {
 public:
  /// A guard page below the stack turns an overflow into a fault.
  ///
  /// **Errors** std::bad_alloc when the system has no room.
  explicit Fiber(std::size_t stack_bytes);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Makes body(argument) what the next resume() begins. The body must not throw, and the fiber
  /// that it leaves unfinished must not be started again.
  void start(void (*body)(void*), void* argument);

  /// Runs the fiber until it suspends itself or ends.
  void resume();

  /// Called inside of the fiber: goes back to where it was resumed.
  void suspend();

  bool finished() const { return finished_; }

 private:
  void switch_in();
  void switch_out();
  void prepare();
  static void main(Fiber* fiber);

  std::byte* memory_;  // guard page, then the stack
  std::size_t memory_bytes_;
  std::byte* stack_;
  std::size_t stack_bytes_;
  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  bool finished_ = true;
  void* own_ = nullptr;    // where it stopped, while it does not run
  void* owner_ = nullptr;  // where it was resumed, while it runs
  // For the sanitizers, which must know whose stack is in use.
  [[maybe_unused]] const void* owner_stack_ = nullptr;
  [[maybe_unused]] std::size_t owner_stack_bytes_ = 0;
  [[maybe_unused]] void* own_fake_stack_ = nullptr;
  [[maybe_unused]] void* owner_fake_stack_ = nullptr;
  [[maybe_unused]] void* thread_sanitizer_ = nullptr;
  [[maybe_unused]] void* owner_thread_sanitizer_ = nullptr;
};

}  // namespace chainline::emulator

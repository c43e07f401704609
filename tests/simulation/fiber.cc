#include "simulation/fiber.h"

#include <utility>
#include <vector>

#include <sys/mman.h>

#include "base/result.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace mayfly::simulation {

namespace {

// Only what is touched costs memory; sanitizers touch more.
constexpr std::size_t stack_size = 512 << 10;

/// Stacks that are used again: a world has a few dozen fibers, and there are thousands of worlds.
class Stacks {
 public:
  ~Stacks() {
    for (void* stack : free_) ::munmap(stack, stack_size);
  }
  void* take() {
    if (!free_.empty()) {
      void* stack = free_.back();
      free_.pop_back();
      return stack;
    }
    void* stack = ::mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    CHECK(stack != MAP_FAILED);
    return stack;
  }
  void give(void* stack) { free_.push_back(stack); }

 private:
  std::vector<void*> free_;
};

thread_local Stacks stacks;
thread_local Fiber* now_running = nullptr;

}  // namespace

Fiber::Fiber(std::string name, std::function<void()> body)
    : name_(std::move(name)), body_(std::move(body)), stack_(stacks.take()) {
  ::getcontext(&inside_);
  inside_.uc_stack.ss_sp = stack_;
  inside_.uc_stack.ss_size = stack_size;
  inside_.uc_link = nullptr;
  ::makecontext(&inside_, &Fiber::enter, 0);
#if defined(__SANITIZE_THREAD__)
  inside_tsan_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  CHECK(ended_);
  stacks.give(stack_);
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(inside_tsan_);
#endif
}

Fiber* Fiber::running() { return now_running; }

void Fiber::resume() {
  CHECK(now_running == nullptr && !ended_);
  now_running = this;
  switch_in();
  now_running = nullptr;
}

void Fiber::pause() {
  CHECK(now_running != nullptr);
  now_running->switch_out(false);
}

void Fiber::enter() {
  Fiber* self = now_running;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self->outside_bottom_, &self->outside_size_);
#endif
  self->body_();
  self->ended_ = true;
  self->switch_out(true);
}

void Fiber::switch_in() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&outside_fake_, stack_, stack_size);
#endif
#if defined(__SANITIZE_THREAD__)
  outside_tsan_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(inside_tsan_, 0);
#endif
  ::swapcontext(&outside_, &inside_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(outside_fake_, nullptr, nullptr);
#endif
}

void Fiber::switch_out([[maybe_unused]] bool for_ever) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(for_ever ? nullptr : &inside_fake_, outside_bottom_, outside_size_);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(outside_tsan_, 0);
#endif
  ::swapcontext(&inside_, &outside_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(inside_fake_, &outside_bottom_, &outside_size_);
#endif
}

}  // namespace mayfly::simulation

#include "store/guard.h"

#include <exception>

namespace mayfly {

Status run_guarded(const Store::Closure& closure, Transaction& transaction) {
  try {
    return closure(transaction);
  } catch (const std::exception& thrown) {
    return fail(Code::internal, std::string("a transaction threw: ") + thrown.what());
  } catch (...) {
    return fail(Code::internal, "a transaction threw something that is no std::exception");
  }
}

bool says_something(const Wakes& wakes) {
  return wakes.fast_work || wakes.slow_work || wakes.deadline || !wakes.settled.empty();
}

}  // namespace mayfly

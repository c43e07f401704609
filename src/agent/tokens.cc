#include "agent/tokens.h"

#include <algorithm>

#include "base/wire.h"

namespace mayfly::agent {

Result<std::optional<std::int64_t>> Tokens::find(const std::string& token) const {
  if (const auto found = known_.find(token); found != known_.end()) {
    if (found->second == being_started) return fail(Code::busy, "the command is being started");
    return std::optional(found->second);
  }
  if (token <= forgotten_)
    return fail(Code::conflict, "the command may have run long ago: its token is older than any that is remembered",
                "outcome_unknown");
  return std::optional<std::int64_t>();
}

void Tokens::put(const std::string& token, std::int64_t process) {
  known_[token] = process;
  if (known_.size() <= wire::token_limit) return;
  forgotten_ = std::max(forgotten_, known_.begin()->first);
  known_.erase(known_.begin());
}

}  // namespace mayfly::agent

#pragma once
// Which command was started already. A token sorts by the time it was made; the newest are kept, with the process of
// each. Of one that is older than those nobody can say whether it was seen, so nothing is started for it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace mayfly::agent {

class Tokens {
 public:
  static constexpr std::int64_t being_started = 0;

  /// Its process; nothing: it is a new one. busy: it is being started. conflict, outcome_unknown: too old to tell.
  Result<std::optional<std::int64_t>> find(const std::string& token) const;
  void put(const std::string& token, std::int64_t process);
  void drop(const std::string& token) { known_.erase(token); }

 private:
  std::map<std::string, std::int64_t> known_;
  std::string forgotten_;   // the newest of those that had to go
};

}  // namespace mayfly::agent

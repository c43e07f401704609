#pragma once

#include <optional>
#include <string>

#include "base/wire.h"

namespace mayfly::agent {

/// What an operation answers when it succeeds: fields and, of some operations, content that follows them.
struct Answer {
  wire::Writer fields{wire::Kind::answer};
  std::optional<std::string> content;
};

}  // namespace mayfly::agent

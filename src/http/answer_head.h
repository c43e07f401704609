#pragma once
// The head of what another server answers, read without trust in it.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace mayfly::http {

struct AnswerHead {
  int status = 0;
  Headers headers;                              // as they came, those of the connection included
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
};

/// `bytes` is one whole head, as HeadScanner finds it. The error says what is wrong with it.
Result<AnswerHead> parse_answer_head(std::string_view bytes);

}  // namespace mayfly::http

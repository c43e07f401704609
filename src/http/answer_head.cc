#include "http/answer_head.h"

#include <algorithm>
#include <charconv>

namespace mayfly::http {

namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

tl::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::invalid, "what it answers is no HTTP/1: " + std::string(what));
}

Result<int> status_of(std::string_view line) {
  const bool http = line.starts_with("HTTP/1.0 ") || line.starts_with("HTTP/1.1 ");
  int status = 0;
  if (http && line.size() >= 12) std::from_chars(line.data() + 9, line.data() + 12, status);
  if (status < 100 || status > 599 || (line.size() > 12 && line[12] != ' ')) return wrong("the status line");
  return status;
}

/// Two readers must not disagree where the body ends.
Status read_framing(AnswerHead& head) {
  bool encoded = false;
  for (const auto& header : head.headers) {
    const Headers one = {header};
    if (const auto* length = find(one, "Content-Length")) {
      std::uint64_t size = 0;
      const auto [end, error] = std::from_chars(length->data(), length->data() + length->size(), size);
      if (length->empty() || error != std::errc() || end != length->data() + length->size())
        return wrong("Content-Length");
      if (head.content_length && *head.content_length != size) return wrong("two values of Content-Length");
      head.content_length = size;
    }
    if (find(one, "Transfer-Encoding")) {
      if (encoded || !holds_word(one, "Transfer-Encoding", "chunked") || header.second.size() != 7)
        return wrong("a Transfer-Encoding other than chunked");
      encoded = true;
    }
  }
  if (encoded && head.content_length) return wrong("both Content-Length and Transfer-Encoding");
  head.chunked = encoded;
  return {};
}

}  // namespace

Result<AnswerHead> parse_answer_head(std::string_view bytes) {
  AnswerHead head;
  bool first = true;
  while (!bytes.empty()) {
    const auto end = bytes.find("\r\n");
    if (end == std::string_view::npos) return wrong("a line without an end");
    const auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    if (line.empty()) break;
    if (has_control(line)) return wrong("a control character in its head");
    if (std::exchange(first, false)) {
      head.status = TRY(status_of(line));
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return wrong("a header without a name");
    head.headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  if (head.status == 0) return wrong("an empty head");
  TRY(read_framing(head));
  return head;
}

}  // namespace mayfly::http

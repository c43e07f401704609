#include "http/head.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>

namespace mayfly::http {

namespace {

namespace beast = boost::beast;

// Longer than any path we serve in its encoded form, shorter than what a proxy in front would pass.
constexpr std::size_t target_limit = 16 * 1024;

std::string text_of(beast::string_view view) { return {view.data(), view.size()}; }

bool same_word(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

// Splits head bytes into a Request; the body is none of its business.
class Parser final : public beast::http::basic_parser<true> {
 public:
  explicit Parser(Request& request) : request_(request) {
    // The bytes were counted before they got here, and bodies are counted as they arrive.
    header_limit(std::numeric_limits<std::uint32_t>::max());
    body_limit(boost::none);
  }

 private:
  using error_code = beast::error_code;

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int,
                       error_code&) override {
    request_.method = text_of(method);
    request_.target = text_of(target);
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value, error_code&) override {
    request_.headers.emplace_back(text_of(name), text_of(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override { return body.size(); }
  void on_finish_impl(error_code&) override {}

  Request& request_;
};

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

void choose_id(Request& request, const std::string& made_id) {
  const auto* given = request.header("X-Request-Id");
  const bool usable = given && !given->empty() && given->size() <= 128 && printable(*given);
  request.id = usable ? *given : made_id;
}

// The path and the query within a target: "/p?q", or the same behind "http://host".
std::string_view without_origin(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !same_word(target.substr(0, scheme.size()), scheme)) continue;
    const auto end = target.find_first_of("/?", scheme.size());
    return end == std::string_view::npos ? std::string_view() : target.substr(end);
  }
  return target;
}

bool split_query(std::string_view text, std::vector<std::pair<std::string, std::string>>& query) {
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = decode(pair.substr(0, equals), true);
    auto value = decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return false;
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

std::optional<Refused> split_target(Request& request) {
  const std::string_view target = request.target;
  if (target.size() > target_limit) return Refused{414, "the target is longer than 16384 bytes"};
  const auto local = without_origin(target);
  const auto question = local.find('?');
  request.path = local.substr(0, question);
  if (request.path.empty() && local.size() != target.size()) request.path = "/";
  if (!request.path.starts_with('/')) return Refused{400, "the path does not start with a slash"};
  if (target.find('#') != std::string_view::npos) return Refused{400, "the target has a fragment"};
  const auto plain = decode(request.path);
  if (!plain) return Refused{400, "the path has a broken percent escape"};
  // No name of ours holds a NUL, and what lies beneath would cut the name there.
  if (plain->find('\0') != std::string::npos) return Refused{400, "the path has an encoded NUL"};
  if (question != std::string_view::npos && !split_query(local.substr(question + 1), request.query)) {
    return Refused{400, "the query has a broken percent escape"};
  }
  return std::nullopt;
}

// What one server may read as one request and another as two is refused, however the standard would resolve it.
std::optional<Refused> check_framing(const Request& request, bool old) {
  int lengths = 0, encodings = 0, hosts = 0;
  for (const auto& [name, value] : request.headers) {
    if (same_word(name, "Host")) ++hosts;
    if (same_word(name, "Content-Length")) {
      ++lengths;
      const bool digits = std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
      if (value.empty() || !digits) return Refused{400, "Content-Length is not one number"};
    }
    if (same_word(name, "Transfer-Encoding")) {
      ++encodings;
      if (!same_word(value, "chunked")) return Refused{400, "Transfer-Encoding is not chunked"};
    }
  }
  if (lengths > 1) return Refused{400, "Content-Length is given twice"};
  if (encodings > 1) return Refused{400, "Transfer-Encoding is given twice"};
  if (lengths && encodings) return Refused{400, "both Content-Length and Transfer-Encoding are given"};
  if (encodings && old) return Refused{400, "Transfer-Encoding in HTTP/1.0"};
  if (hosts > 1 || (hosts == 0 && !old)) return Refused{400, "Host must be given once"};
  return std::nullopt;
}

void append_clean(std::string& out, std::string_view text) {
  for (const char c : text) out += (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f ? ' ' : c;
}

bool owned_by_server(std::string_view name) {
  constexpr std::array<std::string_view, 6> owned = {"Content-Length", "Transfer-Encoding", "Connection",
                                                     "Keep-Alive",     "Date",              "X-Request-Id"};
  return std::ranges::any_of(owned, [&](auto word) { return same_word(word, name); });
}

}  // namespace

tl::expected<RequestHead, Refused> parse_head(std::string_view bytes, const std::string& made_id) {
  RequestHead head;
  head.request = std::make_shared<Request>();
  auto& request = *head.request;
  request.headers.reserve(16);

  Parser parser(request);
  beast::error_code error;
  parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error) return tl::make_unexpected(Refused{400, "the request is malformed: " + error.message()});

  head.old = bytes.substr(0, bytes.find('\r')).ends_with("HTTP/1.0");
  choose_id(request, made_id);
  if (auto refused = split_target(request)) return tl::make_unexpected(std::move(*refused));
  if (auto refused = check_framing(request, head.old)) return tl::make_unexpected(std::move(*refused));
  head.chunked = parser.chunked();
  if (const auto length = parser.content_length()) head.content_length = *length;
  head.keep_alive = parser.keep_alive();
  const auto* expect = request.header("Expect");
  head.expects_continue = expect && !head.old && same_word(*expect, "100-continue");
  return head;
}

Request guess_request(std::string_view bytes, const std::string& made_id) {
  Request request;
  request.id = made_id;
  const auto line = bytes.substr(0, bytes.find_first_of("\r\n"));
  const auto space = line.find(' ');
  if (space == std::string_view::npos || !printable(line)) return request;
  request.method = line.substr(0, space);
  const auto target = line.substr(space + 1);
  request.target = target.substr(0, target.find(' '));
  const auto local = without_origin(request.target);
  request.path = local.substr(0, local.find('?'));
  return request;
}

std::string render_head(const Response& response, const Framing& framing, std::string_view request_id,
                        std::string_view date) {
  std::string out;
  out.reserve(256);
  const auto reason = beast::http::obsolete_reason(beast::http::int_to_status(static_cast<unsigned>(response.status)));
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ").append(reason.data(), reason.size());
  out.append("\r\nDate: ").append(date).append("\r\nX-Request-Id: ").append(request_id).append("\r\n");
  for (const auto& [name, value] : response.headers) {
    if (owned_by_server(name)) continue;
    append_clean(out, name);
    out += ": ";
    append_clean(out, value);
    out += "\r\n";
  }
  if (framing.length) out.append("Content-Length: ").append(std::to_string(*framing.length)).append("\r\n");
  if (framing.chunked) out.append("Transfer-Encoding: chunked\r\n");
  if (!framing.upgrade.empty()) {
    out.append("Connection: Upgrade\r\nUpgrade: ");
    append_clean(out, framing.upgrade);
    out += "\r\n";
  }
  if (framing.close) out.append("Connection: close\r\n");
  if (framing.say_keep_alive && !framing.close) out.append("Connection: keep-alive\r\n");
  out += "\r\n";
  return out;
}

std::string http_date(std::int64_t unix_seconds) {
  constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 96> text{};
  const int size = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                 days[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                                 months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                                 utc.tm_min, utc.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace mayfly::http

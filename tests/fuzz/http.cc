#include <algorithm>

#include "fuzz/targets.h"
#include "base/result.h"
#include "http/framing.h"
#include "http/head.h"
#include "http/router.h"

namespace mayfly::fuzz {

namespace {

const http::Router& router() {
  static const http::Router made = [] {
    http::Router all;
    const auto none = http::BlockingHandler([](const http::Request&) { return http::Response{}; });
    for (const char* pattern : {"/v1/sandboxes", "/v1/sandboxes/{id}", "/v1/sandboxes/{id}/files/{path...}",
                                "/v1/sandboxes/by-external-id", "/{anything}", "/healthz"})
      for (const char* method : {"GET", "POST"}) all.add({.method = method, .pattern = pattern, .handler = none});
    all.add({.method = "*", .pattern = "/run/{workspace}/{rest...}", .handler = none});
    return all;
  }();
  return made;
}

/// However a head is cut into pieces, it ends at the same byte or is malformed.
http::HeadScanner::State scan(std::string_view bytes, std::size_t cut, std::size_t& size) {
  using State = http::HeadScanner::State;
  http::HeadScanner whole, pieces;
  const auto at_once = whole.scan(bytes);
  auto state = pieces.scan(bytes.substr(0, cut));
  if (state == State::incomplete) state = pieces.scan(bytes);
  CHECK(state == at_once);
  if (state == State::complete) {
    CHECK(whole.size() == pieces.size() && whole.size() <= bytes.size());
    size = whole.size();
  }
  return state;
}

/// However a body is cut into pieces, the same comes out of it.
void decode(http::BodyDecoder whole, std::string_view bytes, std::size_t cut) {
  auto pieces = whole;
  std::string at_once, in_two;
  const auto used = whole.feed(bytes, at_once);
  auto used_of_two = pieces.feed(bytes.substr(0, cut), in_two);
  if (used_of_two == cut && !pieces.done() && !pieces.broken()) used_of_two += pieces.feed(bytes.substr(cut), in_two);
  CHECK(used == used_of_two && at_once == in_two);
  CHECK(whole.done() == pieces.done() && whole.broken() == pieces.broken());
  CHECK(at_once.size() <= bytes.size());
}

void route(const http::Request& request) {
  const auto match = router().match(request.method, request.path);
  CHECK(!match.route || match.allowed.empty());
  for (const auto& [name, value] : match.params) CHECK(!name.empty());
  if (!match.route) CHECK(router().refusal(match.allowed.empty() ? 404 : 405, "no", request).status >= 400);
}

}  // namespace

void http(std::string_view input) {
  const std::size_t cut = input.empty() ? 0 : static_cast<unsigned char>(input[0]) % (input.size() + 1);
  std::size_t size = 0;
  const auto state = scan(input, cut, size);
  route(http::guess_request(input, "made"));
  if (state == http::HeadScanner::State::complete) {
    if (const auto head = http::parse_head(input.substr(0, size), "made")) {
      // What was believed of a head must be one thing: a second parser in front may not read another.
      CHECK(!(head->chunked && head->content_length));
      CHECK(!head->request->method.empty() && !head->request->target.empty() && !head->request->id.empty());
      for (const auto& [name, value] : head->request->headers)
        CHECK(name.find_first_of("\r\n:") == name.npos && value.find_first_of("\r\n") == value.npos);
      route(*head->request);
    } else {
      CHECK(head.error().status >= 400 && head.error().status < 600 && !head.error().detail.empty());
    }
  }
  decode(http::BodyDecoder::chunked(), input, cut);
  decode(http::BodyDecoder::of_length(cut), input, cut / 2);

  // Whatever stands in a response's headers, no line of them begins another.
  const std::string text(input.substr(0, 200));
  const auto head = http::render_head({.status = 200, .headers = {{"X-Any", text}}}, {.length = 3}, "made", "now");
  CHECK(head.find("\r\n\r\n") == head.size() - 4);
  CHECK(std::count(head.begin(), head.end(), '\n') <= 8);
}

}  // namespace mayfly::fuzz

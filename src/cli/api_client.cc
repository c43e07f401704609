#include "cli/api_client.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "cli/answer.h"
#include "cli/failure.h"

namespace mayfly::cli {

namespace {

constexpr const char* local_server = "http://127.0.0.1:7070";
constexpr const char* page_size = "200";
// A key is a line; a longer file was named by mistake.
constexpr std::size_t key_limit = 4096;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string trimmed(const std::string& text) {
  constexpr auto blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

Result<std::string> key_in(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(key_limit + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (!stream.is_open() || stream.bad()) return fail(Code::invalid, "--key-file: cannot read " + file);
  const auto key = trimmed(text);
  if (key.empty() || text.size() > key_limit || key.find_first_of("\r\n") != std::string::npos)
    return fail(Code::invalid, "--key-file: " + file + " does not hold one key on one line");
  return key;
}

Error in_attempt(std::string_view what, Error error) {
  if (error.code == Code::unavailable) error.reason = unreachable;
  return in_context("cannot " + std::string(what), std::move(error));
}

// So often, with a pause that doubles: a restart of the server takes about as long.
constexpr int most_tries = 4;
constexpr auto first_pause = std::chrono::milliseconds(200);
// While the first try is still being worked on.
constexpr auto in_flight_pause = std::chrono::seconds(1);

std::string new_key() {
  std::random_device random;
  return fmt::format("cli-{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

enum class Again { no, soon, when_it_ended };

/// Whether the same call may get another answer. What did not start, or was refused for good, will not.
Again again_after(const Result<http::Response>& response, bool lost_one) {
  if (!response) return response.error().code == Code::unavailable ? Again::soon : Again::no;
  if (response->status != 503 && response->status != 409) return Again::no;
  const auto reason = refusal(*response).reason;
  if (response->status == 409) return lost_one && reason == "call_in_flight" ? Again::when_it_ended : Again::no;
  return reason == "overloaded" || reason == "starting" || reason == "busy" ? Again::soon : Again::no;
}

}  // namespace

http::Headers headers_for(const Target& target) {
  http::Headers headers = {{"Accept", "application/json"}};
  if (!target.key.empty()) headers.emplace_back("Authorization", "Bearer " + target.key);
  if (const auto workspace = variable("MAYFLY_WORKSPACE"); !workspace.empty())
    headers.emplace_back("X-Mayfly-Workspace", workspace);
  return headers;
}

Result<Target> Target::find(const std::string& url_option, const std::string& key_file_option,
                            const std::string& ca_file_option) {
  Target target;
  target.url = !url_option.empty() ? url_option : variable("MAYFLY_URL");
  if (target.url.empty()) target.url = local_server;
  if (!target.url.starts_with("http://") && !target.url.starts_with("https://"))
    return fail(Code::invalid,
                "--url or MAYFLY_URL: expected http://HOST:PORT; got \"" + target.url.substr(0, 200) + "\"");
  target.key = key_file_option.empty() ? trimmed(variable("MAYFLY_API_KEY")) : TRY(key_in(key_file_option));
  target.ca_file = ca_file_option.empty() ? variable("MAYFLY_CA_FILE") : ca_file_option;
  return target;
}

Result<Answer> read_answer(std::string_view what, http::Response response) {
  const auto body = json::parse(response.body);
  if (!body || !body->is_object())
    return fail(Code::internal,
                "cannot " + std::string(what) + ": the answer is not a JSON object, so no Mayfly gave it");
  return Answer{response.status, std::move(response.body), body->get_object()};
}

std::string path_to(std::string_view base, const std::vector<std::string>& segments, const Query& query) {
  std::string path(base);
  for (const auto& segment : segments) path += "/" + http::encode(segment);
  char mark = '?';
  for (const auto& [name, value] : query) {
    path += mark + http::encode(name) + "=" + http::encode(value);
    mark = '&';
  }
  return path;
}

ApiClient::ApiClient(Target target)
    : target_(std::move(target)), client_(target_.url, headers_for(target_), target_.ca_file) {}

Result<http::Response> ApiClient::ask(std::string_view what, const http::ClientRequest& request) {
  return client_.call(request).map_error([&](Error error) { return in_attempt(what, std::move(error)); });
}

Result<http::Response> ApiClient::call(std::string_view what, const http::ClientRequest& request) {
  return answered(what, client_.call(request));
}

Result<http::Response> ApiClient::answered(std::string_view what, Result<http::Response> response) {
  if (!response) return tl::unexpected(in_attempt(what, std::move(response).error()));
  if (response->status / 100 == 2) return response;
  return tl::unexpected(in_context("cannot " + std::string(what), refusal(*response)));
}

Result<Answer> ApiClient::get(std::string_view what, const std::string& path) {
  return read_answer(what, TRY(call(what, {.path = path})));
}

Result<Answer> ApiClient::send(std::string_view what, const std::string& method, const std::string& path,
                               const json::object& body, std::chrono::milliseconds timeout) {
  http::ClientRequest request{.method = method, .path = path, .timeout = timeout};
  if (!body.empty()) {
    request.headers = {{"Content-Type", "application/json"}};
    request.body = boost::json::serialize(body);
  }
  if (method == "GET") return read_answer(what, TRY(call(what, request)));
  request.headers.emplace_back("Idempotency-Key", new_key());
  return read_answer(what, TRY(answered(what, call_again(request))));
}

Result<http::Response> ApiClient::call_again(const http::ClientRequest& request) {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + (request.timeout.count() > 0 ? request.timeout : std::chrono::hours(1));
  auto pause = std::chrono::milliseconds(first_pause);
  bool lost_one = false;
  for (int tries = 1;;) {
    auto response = client_.call(request);
    const auto again = again_after(response, lost_one);
    if (again == Again::no || tries >= most_tries || steady_clock::now() >= end) return response;
    lost_one = lost_one || !response;
    if (again == Again::when_it_ended) {
      std::this_thread::sleep_for(in_flight_pause);
      continue;
    }
    ++tries;
    std::this_thread::sleep_for(pause);
    pause *= 2;
  }
}

Result<ApiClient::Items> ApiClient::list(std::string_view what, std::string_view base, Query query, bool all) {
  query.emplace_back("limit", page_size);
  query.emplace_back("cursor", "");
  Items found;
  for (std::string cursor;;) {
    query.back().second = cursor;
    const auto shown = cursor.empty() ? Query(query.begin(), query.end() - 1) : query;
    const auto answer = TRY(get(what, path_to(base, {}, shown)));
    for (const auto& item : array_at(answer.body, "items")) found.items.push_back(item);
    const auto next = text_at(answer.body, "next_cursor");
    found.more = !next.empty();
    if (!found.more || !all) return found;
    if (next == cursor) return fail(Code::internal, "cannot " + std::string(what) + ": the server's pages do not end");
    cursor = next;
  }
}

}  // namespace mayfly::cli

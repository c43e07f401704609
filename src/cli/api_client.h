#pragma once
// One server, one key: calls of the native API, and every refusal as an Error that says what was tried.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/client.h"
#include "json/reader.h"

namespace mayfly::cli {

/// Where and as whom. The key is never printed.
struct Target {
  std::string url;
  std::string key;
  std::string ca_file = {};   // PEM certificates to believe instead of the system's

  /// --url or MAYFLY_URL or the local server; the file of --key-file or MAYFLY_API_KEY; --ca-file or MAYFLY_CA_FILE.
  static Result<Target> find(const std::string& url_option, const std::string& key_file_option,
                             const std::string& ca_file_option = {});
};

struct Answer {
  int status = 200;
  std::string text;          // as it came
  json::object body;         // what it says

  bool accepted_only() const { return status == 202; }
};

/// What each call says of itself: who asks, and where.
http::Headers headers_for(const Target& target);

using Query = std::vector<std::pair<std::string, std::string>>;

/// The JSON object that came; anything else is no answer of ours.
Result<Answer> read_answer(std::string_view what, http::Response response);

/// "/v1/sandboxes" + "/" + each segment, encoded, and the query.
std::string path_to(std::string_view base, const std::vector<std::string>& segments, const Query& query = {});

class ApiClient {
 public:
  explicit ApiClient(Target target);

  const Target& target() const { return target_; }

  // `what` completes "cannot ...": "create a sandbox".

  /// Changing calls go under an Idempotency-Key of their own, so that one whose answer was lost, or that the server was
  /// too busy for, is asked again a few times and has one effect.
  Result<Answer> get(std::string_view what, const std::string& path);
  Result<Answer> send(std::string_view what, const std::string& method, const std::string& path,
                      const json::object& body = {}, std::chrono::milliseconds timeout = std::chrono::seconds(90));
  /// Whatever the request says and whatever is answered.
  Result<http::Response> ask(std::string_view what, const http::ClientRequest& request);
  /// Whatever the request says; only refusals are looked at.
  Result<http::Response> call(std::string_view what, const http::ClientRequest& request);

  struct Items {
    json::array items;
    bool more = false;       // there is another page
  };
  /// The first page of a list, or all of them.
  Result<Items> list(std::string_view what, std::string_view base, Query query, bool all);

 private:
  static Result<http::Response> answered(std::string_view what, Result<http::Response> response);
  Result<http::Response> call_again(const http::ClientRequest& request);

  Target target_;
  http::Client client_;
};

}  // namespace mayfly::cli

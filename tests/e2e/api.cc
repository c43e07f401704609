#include <ostream>

#include "e2e/server.h"

namespace mayfly::test {

json::value Answer::at(std::string_view path) const {
  const json::value* here = &body;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const auto* object = here->if_object();
    here = object ? object->if_contains(path.substr(0, dot)) : nullptr;
    if (!here) return nullptr;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return *here;
}

std::string Answer::string(std::string_view path) const {
  const auto value = at(path);
  return value.is_string() ? std::string(value.as_string()) : std::string();
}

std::vector<json::object> Answer::items() const {
  std::vector<json::object> all;
  const auto list = at("items");
  EXPECT_TRUE(list.is_array()) << text;
  if (list.is_array())
    for (const auto& item : list.as_array()) all.push_back(item.as_object());
  return all;
}

std::ostream& operator<<(std::ostream& out, const Answer& answer) { return out << answer.status << " " << answer.text; }

Api::Api(const std::string& url, http::Headers always, const std::string& ca_file)
    : client_(url, std::move(always), ca_file) {}

Answer Api::call(const std::string& method, const std::string& path, const std::string& body, http::Headers headers) {
  http::ClientRequest request;
  request.method = method;
  request.path = path;
  request.body = body;
  request.headers = std::move(headers);
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  auto response = client_.call(request);
  if (!response) return {};
  Answer answer{response->status, std::move(response->headers), std::move(response->body)};
  if (const auto* type = http::find(answer.headers, "Content-Type"); type && type->find("json") != std::string::npos)
    if (auto parsed = json::parse(answer.text)) answer.body = std::move(*parsed);
  return answer;
}

}  // namespace mayfly::test

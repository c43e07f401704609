// Calls made up from the OpenAPI document, valid and not, in random order, by people of two workspaces, against real
// sandboxes. Every answer is one that the document tells of and looks as it says; nobody sees a word of the other
// workspace; and what is left is clean.

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "e2e/openapi_document.h"
#include "e2e/server.h"

namespace mayfly::test {
namespace {

using Clock = std::chrono::steady_clock;

unsigned long wish(const char* name, unsigned long otherwise) {
  const char* given = std::getenv(name);
  return given ? std::strtoul(given, nullptr, 10) : otherwise;
}

/// What a caller makes up. Everything it writes carries its mark, which no other caller may ever read.
class Inventor {
 public:
  Inventor(const Document& document, std::mt19937_64& dice, std::string mark)
      : document_(document), dice_(dice), mark_(std::move(mark)) {}

  bool chance(unsigned one_in) { return dice_() % one_in == 0; }
  std::size_t below(std::size_t count) { return dice_() % count; }

  /// Something that the schema allows, mostly.
  json::value value(const json::value& of, const std::string& name, int depth = 0) {
    const auto& schema = document_.followed(of);
    if (const auto* known = known_member(name)) return *known;
    if (depth > 6) return nullptr;
    if (schema.contains("nullable") && chance(6)) return nullptr;
    if (const auto* words = schema.if_contains("enum")) return words->as_array().at(below(words->as_array().size()));
    for (const auto* key : {"oneOf", "anyOf"})
      if (const auto* some = schema.if_contains(key))
        return value(some->as_array().at(below(some->as_array().size())), name, depth + 1);
    const auto* given = schema.if_contains("type");
    const auto type = given ? std::string(given->as_string()) : std::string("object");
    if (type == "object") return object(schema, depth);
    if (type == "array") {
      json::array list;
      for (std::size_t left = below(3); left > 0; --left) list.push_back(value(schema.at("items"), name, depth + 1));
      return list;
    }
    if (type == "boolean") return chance(2);
    if (type == "integer" || type == "number") return number(schema, type == "integer");
    return text(schema);
  }

  /// The same with one thing wrong somewhere.
  json::value broken(json::value value) {
    if (auto* object = value.if_object(); object && !object->empty() && !chance(4)) {
      auto at = object->begin();
      std::advance(at, static_cast<std::ptrdiff_t>(below(object->size())));
      if (chance(4)) object->erase(at);
      else at->value() = broken(at->value());
      return value;
    }
    const json::value long_text(std::string(5000, 'x')), cut_text(std::string("\0x", 2));
    const json::value wrong[] = {nullptr, -1, 1e300, "", "\xF0\x9F\xA6\x9F", long_text, json::array{1},
                                 json::object{{"no_such_member", mark_}}, true, 9223372036854775807, "../../etc",
                                 cut_text};
    return wrong[below(std::size(wrong))];
  }

  std::string word() { return mark_ + "-" + std::to_string(below(40)); }

 private:
  /// Members whose content decides how long a call takes, and those that name things of the host.
  const json::value* known_member(const std::string& name) {
    static const json::value commands[] = {"true", "echo out; echo err >&2", "exit 3", "sleep 0.1",
                                           json::array{"ls", "/"}, "cat"};
    static const json::value brief[] = {0, 0.2, 1};
    static const json::value paths[] = {"/tmp", "/tmp/x", "/etc/passwd", "/", "/no/such", "tmp", "/tmp/../x"};
    static const json::value tiny = 64;
    static const json::value image = "busybox";
    static const json::value closed = false;   // or "cat" would wait for what nobody sends
    if (name == "command") return &commands[below(std::size(commands))];
    if (name == "wait_seconds" || name == "timeout_seconds") return &brief[below(std::size(brief))];
    if (name == "path" || name == "from" || name == "to" || name == "cwd") return &paths[below(std::size(paths))];
    if (name == "memory_mb" || name == "disk_mb" || name == "size_mb") return &tiny;
    if (name == "image") return &image;
    if (name == "stdin_open") return &closed;
    return nullptr;
  }
  json::value object(const json::object& schema, int depth) {
    json::object made;
    std::set<std::string> required;
    if (const auto* names = schema.if_contains("required"))
      for (const auto& name : names->as_array()) required.insert(std::string(name.as_string()));
    if (const auto* members = schema.if_contains("properties"))
      for (const auto& [name, of] : members->as_object())
        if (required.contains(std::string(name)) || chance(4)) made[name] = value(of, std::string(name), depth + 1);
    if (const auto* rest = schema.if_contains("additionalProperties"); rest && rest->is_object() && chance(2))
      made["k" + std::to_string(below(3))] = value(*rest, "", depth + 1);
    return made;
  }
  json::value number(const json::object& schema, bool whole) {
    const auto bound = [&](const char* name, double otherwise) {
      const auto* given = schema.if_contains(name);
      return given ? given->to_number<double>() : otherwise;
    };
    const double least = bound("minimum", 0), most = std::min(bound("maximum", least + 1000), least + 1000);
    const double any = chance(4) ? least : least + (most - least) * static_cast<double>(below(1000)) / 1000;
    if (whole) return static_cast<std::int64_t>(any);
    return any;
  }
  json::value text(const json::object& schema) {
    if (const auto* format = schema.if_contains("format"); format && *format == json::value("date-time"))
      return chance(2) ? "2099-01-01T00:00:00Z" : "2001-01-01T00:00:00+01:00";
    if (const auto* example = schema.if_contains("example"); example && chance(3)) return *example;
    return json::value(word());
  }

  const Document& document_;
  std::mt19937_64& dice_;
  std::string mark_;
};

struct Person {
  std::string mark;
  std::unique_ptr<Api> api;
};

class ApiFuzz : public Served {
 protected:
  void SetUp() override {
    server_.configure("[images]\ndebian_mirror = \"http://127.0.0.1:9/none\"\n");
    Served::SetUp();
    document_ = std::make_unique<Document>(api().get("/openapi.json").body);
    operations_ = operations_of(*document_);
    for (const auto* team : {"alpha", "omega"}) {
      const std::string slug = team;
      ASSERT_EQ(api().post("/v1/workspaces", json::object{{"slug", slug}}).status, 201);
      ASSERT_EQ(api().post("/v1/users", json::object{{"name", "of-" + slug}, {"role", "admin"}}).status, 201);
      const auto made = api().post(
          "/v1/keys", json::object{{"name", "fuzz"}, {"user", "of-" + slug}, {"workspace", slug},
                                   {"workspaces", json::array{slug}}});
      ASSERT_EQ(made.status, 201) << made;
      people_.push_back({"zz" + slug, std::make_unique<Api>(server_.connect_with(
                                          {{"Authorization", "Bearer " + made.string("secret")}}))});
    }
  }
  void TearDown() override {
    for (const auto* slug : {"alpha", "omega"}) sweep(slug);
    Served::TearDown();
  }
  /// Everything of a workspace goes, whatever state the calls have left it in.
  void sweep(const std::string& slug) {
    auto there = server_.connect_with({{"Authorization", std::string("Bearer ") + Server::key},
                                       {"X-Mayfly-Workspace", slug}});
    ASSERT_EQ(there.call("PATCH", "/v1/workspaces/" + slug, R"({"always_archive": false})").status, 200);
    const auto holds = there.get("/api/holds?limit=100").at("data");
    for (const auto& hold : holds.as_array())
      there.remove("/api/holds/" + std::string(hold.at("id").as_string()));
    EXPECT_TRUE(comes_true([&] {
      const auto rows = there.get("/api/databases?include_deleted=true").at("data");
      for (const auto& row : rows.as_array()) {
        const auto at = "/api/databases/" + std::string(row.at("id").as_string());
        there.post(at + "/restore");
        there.remove(at + "?purge=true");
      }
      return rows.as_array().empty();
    }, 60s)) << there.get("/api/databases?include_deleted=true");
    for (const auto* kind : {"sandboxes", "volumes"}) {
      const auto base = std::string("/v1/") + kind;
      EXPECT_TRUE(comes_true([&] {
        const auto rows = there.get(base + "?limit=200").items();
        for (const auto& row : rows)
          there.remove(base + "/" + std::string(row.at("id").as_string()) + "?archive=false");
        return rows.empty();
      }, 60s)) << there.get(base);
    }
  }

  /// Mostly one of the caller's own; now and then one of the other's, or none at all.
  std::string any_id(Inventor& inventor, const Person& by, const std::string& word) {
    const auto& own = ids_[by.mark + word];
    const auto& known = inventor.chance(4) || own.empty() ? ids_[word] : own;
    if (known.empty() || inventor.chance(8)) {
      const std::string strange[] = {"x", "sbx_0", "clt_" + std::string(32, '0'), "%00", "..%2f..", "a%20b",
                                     std::string(300, 'a'), "1", "-1", "99999999999999999999", "busybox"};
      return strange[inventor.below(std::size(strange))];
    }
    return known[inventor.below(known.size())];
  }

  std::string path_for(Inventor& inventor, const Person& by, const Operation& operation) {
    std::string path, word;
    for (std::size_t at = 0; at < operation.path.size();) {
      const auto next = std::min(operation.path.find('/', at + 1), operation.path.size());
      const auto segment = operation.path.substr(at + 1, next - at - 1);
      path += "/" + (segment.starts_with("{") ? any_id(inventor, by, word) : segment);
      if (!segment.starts_with("{")) word = segment;
      at = next;
    }
    char mark = '?';
    for (const auto& parameter : operation.parameters) {
      if (parameter.in != "query" || (!parameter.required && !inventor.chance(4))) continue;
      auto value = inventor.value(parameter.schema, parameter.name);
      if (inventor.chance(8)) value = inventor.broken(value);
      if (parameter.name == "follow") continue;   // it ends when the process does
      const auto text = value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
      path += mark + parameter.name + "=" + http::encode(text);
      mark = '&';
    }
    if (inventor.chance(40)) path += mark + std::string("no_such_parameter=1");
    return path;
  }

  std::string body_for(Inventor& inventor, const Operation& operation) {
    const auto* asked = operation.described.if_contains("requestBody");
    if (!asked) return {};
    const auto& content = document_->followed(*asked).at("content").as_object();
    const auto* media = content.if_contains("application/json");
    if (!media) return inventor.word();
    if (inventor.chance(30)) return R"({"cut": )";
    if (inventor.chance(6)) return operation.body;
    auto value = inventor.value(media->at("schema"), "");
    if (inventor.chance(4)) value = inventor.broken(std::move(value));
    return boost::json::serialize(value);
  }

  void learn(const Person& by, const Operation& operation, const Answer& answer) {
    const auto know = [&](const std::string& word, const std::string& id) {
      for (auto* known : {&ids_[word], &ids_[by.mark + word]}) known->push_back(id);
    };
    const auto word = operation.path.substr(operation.path.rfind('/') + 1);
    if (operation.method == "POST" && answer.fine() && !answer.string("id").empty()) {
      know(word, answer.string("id"));
      if (word == "sandboxes") know("explain", answer.string("id"));
    }
    if (const auto task = answer.string("cleanup_task_id"); !task.empty()) know("cleanup-tasks", task);
    if (operation.path == "/v1/archives" && answer.fine())
      for (const auto& row : answer.items()) know("archives", std::string(row.at("id").as_string()));
  }

  /// What is wrong with an answer; empty: nothing.
  std::string judge(const Operation& operation, const Person& by, const Person& other, const Answer& answer) {
    if (answer.lost()) return "no answer came";
    if (answer.text.find(other.mark) != std::string::npos) return by.mark + " has read a word of " + other.mark;
    const auto schema = document_->answer_schema(operation.described, answer.status);
    if (!schema) return "the document knows no " + std::to_string(answer.status) + " here";
    if (schema->is_null()) return {};
    const auto* type = http::find(answer.headers, "Content-Type");
    if (!type || type->find("json") == std::string::npos || type->find("ndjson") != std::string::npos) return {};
    return document_->mismatch(answer.body, *schema).value_or("");
  }

  std::unique_ptr<Document> document_;
  std::vector<Operation> operations_;
  std::vector<Person> people_;
  std::map<std::string, std::vector<std::string>> ids_ = {
      {"processes", {"1", "2", "3"}}, {"ports", {"80"}}, {"tunnels", {"80"}}, {"images", {"busybox"}}};
};

/// How many sandboxes may be asked for: each is a container.
constexpr int most_creates = 60;

TEST_F(ApiFuzz, AnswersAsTheDocumentSays) {
  const auto seed = wish("MAYFLY_SEED", std::random_device()());
  SCOPED_TRACE("MAYFLY_SEED=" + std::to_string(seed));
  const auto end = Clock::now() + std::chrono::seconds(wish("MAYFLY_API_FUZZ_SECONDS", 12));
  std::mt19937_64 dice(seed);
  std::map<std::string, std::string> wrong;   // the first example of each
  std::map<int, int> statuses;
  int calls = 0, creates = 0;

  while (Clock::now() < end && wrong.size() < 20) {
    const auto who = dice() % 2;
    auto& by = people_[who];
    Inventor inventor(*document_, dice, by.mark);
    const auto& operation = operations_[inventor.below(operations_.size())];
    if (operation.title() == "POST /v1/sandboxes" && ++creates > most_creates) continue;
    if (operation.method == "DELETE" && inventor.chance(2)) continue;   // or little would be left to call
    const auto path = path_for(inventor, by, operation), body = body_for(inventor, operation);
    const auto answer = by.api->call(operation.method, path, body);
    ++calls;
    ++statuses[answer.status];
    learn(by, operation, answer);
    const auto what = judge(operation, by, people_[1 - who], answer);
    if (what.empty()) continue;
    wrong.try_emplace(operation.title() + ": " + what,
                      operation.method + " " + path.substr(0, 400) + " " + body.substr(0, 400) + "\n    -> " +
                          std::to_string(answer.status) + " " + answer.text.substr(0, 600));
    if (answer.lost()) break;
  }

  for (const auto& [what, example] : wrong) ADD_FAILURE() << what << "\n    " << example;
  std::printf("%d calls:", calls);
  for (const auto& [status, count] : statuses) std::printf(" %d of status %d", count, status);
  std::printf("\n");
  EXPECT_GT(calls, 100);
  EXPECT_GT(statuses[200] + statuses[201] + statuses[202], calls / 20) << "nearly all calls were refused";
}

}  // namespace
}  // namespace mayfly::test

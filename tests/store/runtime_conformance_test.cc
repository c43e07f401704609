// Runtimes, and how they are found by what their sandbox does.

#include "store/both_stores.h"

namespace mayfly {
namespace {

Runtime given_runtime(int number, const std::string& key) {
  Runtime runtime;
  runtime.resource.id = {id_text("rtm_", number)};
  runtime.resource.kind = Kind::runtime;
  runtime.resource.workspace = runtime.resource.parent = workspace_id(1);
  runtime.resource.name = key;
  runtime.resource.created_at = runtime.resource.updated_at = at(number);
  runtime.owner = {id_text("usr_", 1)};
  return runtime;
}

class RuntimeTables : public BothStores {
 protected:
  void given(const Runtime& runtime) {
    write(store(), [&](Transaction& t) { return t.runtimes().insert(runtime); });
  }
  void given(const Sandbox& sandbox) {
    write(store(), [&](Transaction& t) { return t.sandboxes().insert(sandbox); });
  }
  void update(const Runtime& runtime) {
    write(store(), [&](Transaction& t) { return t.runtimes().update(runtime); });
  }
  Runtime row(int number) {
    return read([&](Transaction& t) { return t.runtimes().get({id_text("rtm_", number)}); });
  }
  static RuntimeFilter by(std::vector<RuntimeState> states, std::string project = {}, UserId owner = {}) {
    return {workspace_id(1), std::move(states), std::move(project), std::move(owner)};
  }
  std::string runtimes(RuntimeFilter filter, const Page& page = {}) {
    filter.workspace = workspace_id(1);
    return numbers(read([&](Transaction& t) { return t.runtimes().list(filter, page); }));
  }
};
FOR_BOTH_STORES(RuntimeTables);

TEST_P(RuntimeTables, KeepEveryMember) {
  auto runtime = given_runtime(1, "build");
  runtime.title = "Build";
  runtime.description = "what \"for\"";
  runtime.project = "demo";
  runtime.config.spec.image = "debian";
  runtime.config.spec.resources = {1.5, 300, 77, 5};
  runtime.config.spec.env = {{"A", "1"}};
  runtime.config.spec.network = NetworkAccess::outbound;
  runtime.config.labels = {{"k", "v"}};
  runtime.config.timeout = 77s;
  runtime.config.on_timeout = ExpiryAction::stop;
  runtime.config.port = 1234;
  runtime.config.document = "{\"version\":\"v2\"}";
  runtime.config_version = 3;
  runtime.config_digest = "abc";
  runtime.requested_limit = 90s;
  runtime.sandbox = sandbox_id(4);
  runtime.sandbox_digest = "abd";
  runtime.sandbox_requested = 80s;
  runtime.sandbox_level = LimitLevel::organization_max;
  runtime.cleanup_task = "clt_1";
  given(runtime);

  const auto found = row(1);

  EXPECT_EQ(as_text(found.resource), as_text(runtime.resource));
  EXPECT_EQ(found.title + found.description + found.project, runtime.title + runtime.description + runtime.project);
  EXPECT_EQ(found.owner, runtime.owner);
  EXPECT_EQ(found.config.spec, runtime.config.spec);
  EXPECT_EQ(found.config.labels, runtime.config.labels);
  EXPECT_EQ(found.config.timeout, runtime.config.timeout);
  EXPECT_EQ(found.config.on_timeout, runtime.config.on_timeout);
  EXPECT_EQ(found.config.port, 1234);
  EXPECT_EQ(found.config.document, runtime.config.document);
  EXPECT_EQ(found.config_version, 3);
  EXPECT_EQ(found.config_digest, "abc");
  EXPECT_EQ(found.requested_limit, runtime.requested_limit);
  EXPECT_EQ(found.sandbox, runtime.sandbox);
  EXPECT_EQ(found.sandbox_digest, "abd");
  EXPECT_EQ(found.sandbox_requested, runtime.sandbox_requested);
  EXPECT_EQ(found.sandbox_level, LimitLevel::organization_max);
  EXPECT_EQ(found.cleanup_task, "clt_1");
}

TEST_P(RuntimeTables, HaveAKeyUntilTheyAreDeleted) {
  given(given_runtime(1, "build"));
  EXPECT_EQ(outcome(store().write([&](Transaction& t) { return t.runtimes().insert(given_runtime(2, "build")); })),
            "conflict name_taken");
  auto first = row(1);
  first.resource.state = State::deleting;
  first.resource.name_held = false;
  update(first);
  given(given_runtime(2, "build"));

  const auto found = read([&](Transaction& t) { return t.runtimes().find_named(workspace_id(1), "build"); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->resource.id.text, id_text("rtm_", 2));
  EXPECT_EQ(runtimes({}), "2") << "what is being deleted is in no list";
  EXPECT_FALSE(read([&](Transaction& t) { return t.runtimes().find_named(workspace_id(2), "build"); }));
}

TEST_P(RuntimeTables, AreFoundByWhatTheirSandboxDoes) {
  const State states[] = {State::running, State::paused, State::stopped, State::gone, State::requested};
  for (int i = 0; i < 5; ++i) {
    auto sandbox = given_sandbox(10 + i, "box-" + std::to_string(i), states[i]);
    sandbox.resource.name_held = states[i] != State::gone;
    given(sandbox);
    auto runtime = given_runtime(1 + i, "with-" + std::to_string(i));
    runtime.sandbox = sandbox_id(10 + i);
    runtime.project = i < 2 ? "demo" : "";
    given(runtime);
  }
  auto other = given_runtime(6, "without");
  other.owner = {id_text("usr_", 2)};
  given(other);

  using enum RuntimeState;
  EXPECT_EQ(runtimes({}), "6 5 4 3 2 1");
  EXPECT_EQ(runtimes(by({running})), "1");
  EXPECT_EQ(runtimes(by({paused})), "2");
  EXPECT_EQ(runtimes(by({stopped})), "3");
  EXPECT_EQ(runtimes(by({idle})), "6 5 4");
  EXPECT_EQ(runtimes(by({running, paused})), "2 1");
  EXPECT_EQ(runtimes(by({}, "demo")), "2 1");
  EXPECT_EQ(runtimes(by({}, "", {id_text("usr_", 2)})), "6");
  EXPECT_EQ(runtimes({}, {id_text("rtm_", 5), 2}), "4 3");
}

}  // namespace
}  // namespace mayfly

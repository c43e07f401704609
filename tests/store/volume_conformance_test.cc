// Volumes, what mounts them, and what a workspace holds.

#include "store/both_stores.h"

namespace mayfly {
namespace {

Volume given_volume(int number, const std::string& name, State state = State::active) {
  Volume volume;
  volume.resource.id = {id_text("vol_", number)};
  volume.resource.kind = Kind::volume;
  volume.resource.workspace = volume.resource.parent = workspace_id(1);
  volume.resource.name = name;
  volume.resource.created_at = volume.resource.updated_at = at(number);
  volume.resource.labels = {{"k", name}};
  volume.lifetime.id = volume.resource.id;
  set_state(volume, state);
  return volume;
}

class VolumeTables : public BothStores {
 protected:
  void given(const Volume& volume) {
    write(store(), [&](Transaction& t) { return t.volumes().insert(volume); });
  }
  void update(const Volume& volume) {
    write(store(), [&](Transaction& t) { return t.volumes().update(volume); });
  }
  Volume row(int number) {
    return read([&](Transaction& t) { return t.volumes().get({id_text("vol_", number)}); });
  }
  std::string volumes(const VolumeFilter& filter, const Page& page = {}) {
    return numbers(read([&](Transaction& t) { return t.volumes().list(filter, page); }));
  }
  std::size_t mounted_by(int number) {
    return read([&](Transaction& t) { return t.volumes().mounted_by({id_text("vol_", number)}, 10); }).size();
  }
};
FOR_BOTH_STORES(VolumeTables);

TEST_P(VolumeTables, KeepEveryMember) {
  auto volume = given_volume(1, "data", State::writing);
  volume.size_mb = 77;
  volume.layer = 3;
  volume.restored_from = archive_id(9);
  volume.maker = 5;
  volume.caveats = {"one", "two \"quoted\""};
  volume.cleanup_task = "clt_1";
  volume.lifetime.expires_at = at(100);
  given(volume);

  const auto found = row(1);

  EXPECT_EQ(as_text(found.resource), as_text(volume.resource));
  EXPECT_EQ(as_text(found.lifetime), as_text(volume.lifetime));
  EXPECT_EQ(found.size_mb, 77);
  EXPECT_EQ(found.layer, 3);
  EXPECT_EQ(found.restored_from, archive_id(9));
  EXPECT_EQ(found.maker, 5);
  EXPECT_EQ(found.caveats, volume.caveats);
  EXPECT_EQ(found.cleanup_task, "clt_1");
  EXPECT_EQ(outcome(store().write([&](Transaction& t) { return t.volumes().insert(volume); })), "conflict id_taken");
  EXPECT_EQ(outcome(store().read([](Transaction& t) { return t.volumes().get({id_text("vol_", 2)}); })), "not_found");
}

TEST_P(VolumeTables, FindTheLivingOneOfANameElseTheNewestTombstone) {
  const auto named = [&] {
    const auto found = read([](Transaction& t) { return t.volumes().find_named(workspace_id(1), "data"); });
    return found ? std::stoi(found->resource.id.text.substr(30)) : 0;
  };
  EXPECT_EQ(named(), 0);
  for (const int number : {1, 2}) {
    auto volume = given_volume(number, "data");
    given(volume);
    EXPECT_EQ(named(), number);
    volume.resource.name_held = false;
    set_state(volume, State::gone);
    update(volume);
    EXPECT_EQ(named(), number);
  }
}

TEST_P(VolumeTables, ListByWhatIsAskedFor) {
  given(given_volume(1, "a"));
  given(given_volume(2, "b", State::deleting));
  given(given_volume(3, "c", State::gone));
  auto elsewhere = given_volume(4, "a");
  elsewhere.resource.workspace = workspace_id(2);
  given(elsewhere);
  const auto here = workspace_id(1);

  EXPECT_EQ(volumes({here, {}, {}}), "2 1");
  EXPECT_EQ(volumes({here, {State::gone}, {}}), "3");
  EXPECT_EQ(volumes({here, {State::gone, State::active}, {}}), "3 1");
  EXPECT_EQ(volumes({here, {}, {{"k", "a"}}}), "1");
  EXPECT_EQ(volumes({here, {}, {}}, {.before = id_text("vol_", 2), .limit = 5}), "1");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.volumes().scan({}, 2); })), "1 2");
  EXPECT_EQ(numbers(read([](Transaction& t) { return t.volumes().scan(id_text("vol_", 2), 9); })), "4");
}

TEST_P(VolumeTables, KnowWhoMountsThemUntilThatIsGone) {
  given(given_volume(1, "a"));
  given(given_volume(2, "b"));
  auto sandbox = given_sandbox(1, "one");
  sandbox.mounts = {{{id_text("vol_", 1)}, "/a path/with \"quotes\"", true}, {{id_text("vol_", 2)}, "/b"},
                    {{id_text("vol_", 1)}, "/twice"}};
  write(store(), [&](Transaction& t) { return t.sandboxes().insert(sandbox); });

  EXPECT_EQ(read([](Transaction& t) { return t.sandboxes().get(sandbox_id(1)); }).mounts, sandbox.mounts);
  EXPECT_EQ(mounted_by(1), 1u);
  EXPECT_EQ(mounted_by(2), 1u);
  set_state(sandbox, State::deleting);
  write(store(), [&](Transaction& t) { return t.sandboxes().update(sandbox); });
  EXPECT_EQ(mounted_by(1), 1u);
  sandbox.resource.name_held = false;
  set_state(sandbox, State::gone);
  write(store(), [&](Transaction& t) { return t.sandboxes().update(sandbox); });
  EXPECT_EQ(mounted_by(1), 0u);
  EXPECT_EQ(mounted_by(2), 0u);
  EXPECT_EQ(read([](Transaction& t) { return t.sandboxes().get(sandbox_id(1)); }).mounts, sandbox.mounts);
}

TEST_P(VolumeTables, KnowWhatIsHalfMade) {
  auto volume = given_volume(1, "a", State::writing);
  volume.maker = 4;
  volume.restored_from = archive_id(1);
  given(volume);
  given(given_volume(2, "b"));
  const auto others = [&](std::int64_t epoch) {
    return numbers(read([&](Transaction& t) { return t.volumes().made_by_others(epoch, 10); }));
  };
  const auto restores = [&] { return read([](Transaction& t) { return t.volumes().restores_from(archive_id(1)); }); };
  EXPECT_EQ(others(4), "");
  EXPECT_EQ(others(5), "1");
  EXPECT_TRUE(restores());

  set_state(volume, State::active);
  volume.maker = 0;
  update(volume);

  EXPECT_EQ(others(5), "");
  EXPECT_FALSE(restores());
}

TEST_P(VolumeTables, AreSummedUpWithAllElseThatAWorkspaceHolds) {
  auto running = given_sandbox(1, "running"), stopped = given_sandbox(2, "stopped"), gone = given_sandbox(3, "gone"),
       elsewhere = given_sandbox(4, "elsewhere");
  for (auto* sandbox : {&running, &stopped, &gone, &elsewhere})
    sandbox->spec.resources = {.cpus = 1.5, .memory_mb = 100, .pids = 10, .disk_mb = 1000};
  set_state(running, State::running);
  set_state(stopped, State::stopped);
  gone.resource.name_held = false;
  set_state(gone, State::gone);
  elsewhere.resource.workspace = workspace_id(2);
  auto volume = given_volume(1, "a");
  volume.size_mb = 7;
  auto archive = given_archive(1);
  archive.resource.workspace = workspace_id(1);
  archive.stored_bytes = 50;
  write(store(), [&](Transaction& t) -> Status {
    for (const auto& sandbox : {running, stopped, gone, elsewhere}) TRY(t.sandboxes().insert(sandbox));
    TRY(t.archives().insert(archive));
    return t.volumes().insert(volume);
  });

  const auto used = read([](Transaction& t) { return t.usage().of(workspace_id(1)); });

  EXPECT_EQ(used, (WorkspaceUsage{2, 1.5, 100, 2007, 50}));
  EXPECT_EQ(read([](Transaction& t) { return t.usage().of(workspace_id(3)); }), WorkspaceUsage{});
}

TEST_P(VolumeTables, QuotasAndRatesStayAsTheyWereSet) {
  auto workspace = given_workspace(1, "team");
  write(store(), [&](Transaction& t) { return t.identities().insert_workspace(workspace); });
  const auto quota = [&] {
    return read([](Transaction& t) { return t.identities().find_workspace("team"); })->quota;
  };
  EXPECT_EQ(quota(), Quota{});
  workspace.quota = {.sandboxes = 0, .cpus = 2.25, .memory_mb = 3, .disk_mb = 4, .archive_bytes = 1LL << 45};
  write(store(), [&](Transaction& t) { return t.identities().update_workspace(workspace); });
  EXPECT_EQ(quota(), workspace.quota);

  ApiKey key;
  key.id = {id_text("key_", 1)};
  key.hash = "hash";
  key.rate = RateLimit{0.5, 3};
  write(store(), [&](Transaction& t) { return t.identities().insert_key(key); });
  const auto rate = [&] { return read([](Transaction& t) { return t.identities().find_key("hash"); })->rate; };
  EXPECT_EQ(rate(), key.rate);
  key.rate.reset();
  write(store(), [&](Transaction& t) { return t.identities().update_key(key); });
  EXPECT_FALSE(rate());
}

}  // namespace
}  // namespace mayfly

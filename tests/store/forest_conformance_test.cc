// The tables of what lies in what, for each store.

#include "store/both_stores.h"

namespace mayfly {
namespace {

ResourceId app_id(int number) { return {id_text("app_", number)}; }
ResourceId element_id(int number) { return {id_text("elm_", number)}; }

Record given_record(Kind kind, int number, const std::string& name, const ResourceId& parent) {
  Record record;
  auto& row = record.resource;
  row.id = kind == Kind::app ? app_id(number) : element_id(number);
  row.kind = kind;
  row.parent = parent;
  row.workspace = workspace_id(1);
  row.name = name;
  row.name_held = kind == Kind::app;
  row.created_at = row.updated_at = at(number);
  record.content = kind == Kind::app ? "" : R"({"n":1})";
  return record;
}
Record given_app(int number, const std::string& name) { return given_record(Kind::app, number, name, workspace_id(1)); }

Trashed given_trashed(const ResourceId& id, Kind kind, int seconds) {
  return {id,         kind,       "name",           workspace_id(1), Tier::medium, at(seconds),
          "user:ada", at(seconds + 10), event_id(1), false};
}

Hold given_hold(int number, const ResourceId& resource, const ResourceId& parent) {
  Hold hold;
  hold.id = {id_text("hld_", number)};
  hold.resource = resource;
  hold.parent = parent;
  hold.workspace = workspace_id(1);
  hold.owner = "user:ada";
  hold.reason = "audit";
  hold.created_at = at(number);
  return hold;
}

std::string ids(const std::vector<Hold>& holds) {
  std::string text;
  for (const auto& hold : holds) text += (text.empty() ? "" : " ") + std::to_string(std::stoi(hold.id.text.substr(30)));
  return text;
}

class ForestTables : public BothStores {};

TEST_P(ForestTables, KeepARecordAsItWasWritten) {
  auto record = given_record(Kind::element, 2, "first", app_id(1));
  record.resource.labels = {{"a", "b"}};
  write(store(), [&](Transaction& t) { return t.records().insert(record); });
  const auto kept = read([&](Transaction& t) { return t.records().get(element_id(2)); });
  EXPECT_EQ(as_text(kept.resource), as_text(record.resource));
  EXPECT_EQ(kept.content, record.content);

  record.content = "[2]";
  record.resource.name = "second";
  record.resource.state = State::trashed;
  record.resource.deleted_at = at(9);
  write(store(), [&](Transaction& t) { return t.records().update(record); });
  const auto changed = read([&](Transaction& t) { return t.records().get(element_id(2)); });
  EXPECT_EQ(as_text(changed.resource), as_text(record.resource));
  EXPECT_EQ(changed.content, "[2]");
  EXPECT_EQ(outcome(store().read([&](Transaction& t) { return t.records().get(element_id(3)); })), "not_found");
}

TEST_P(ForestTables, ANameIsHeldByOneAppAndByAnyNumberOfElements) {
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.records().insert(given_app(1, "Notes")));
    TRY(t.records().insert(given_record(Kind::element, 2, "same", app_id(1))));
    return t.records().insert(given_record(Kind::element, 3, "same", app_id(1)));
  });
  const auto taken =
      store().write([&](Transaction& t) -> Status { return t.records().insert(given_app(4, "Notes")); });
  EXPECT_EQ(outcome(taken), "conflict name_taken");
  write(store(), [&](Transaction& t) -> Status {
    auto app = TRY(t.records().get(app_id(1)));
    app.resource.name_held = false;
    TRY(t.records().update(app));
    return t.records().insert(given_app(4, "Notes"));
  });
  const auto back = store().write([&](Transaction& t) -> Status {
    auto app = TRY(t.records().get(app_id(1)));
    app.resource.name_held = true;
    return t.records().update(app);
  });
  EXPECT_EQ(outcome(back), "conflict name_taken");
}

TEST_P(ForestTables, WhatLiesInAThingIsFoundPageByPageAndNothingThatIsGone) {
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.records().insert(given_app(1, "Notes")));
    TRY(t.records().insert(given_app(9, "Other")));
    for (int i = 2; i <= 6; ++i) {
      auto element = given_record(Kind::element, i, "e", i == 5 ? app_id(9) : app_id(1));
      if (i == 3) element.resource.state = State::gone;
      TRY(t.records().insert(element));
    }
    return t.sandboxes().insert(given_sandbox(7, "box"));
  });
  read([&](Transaction& t) -> Result<int> {
    const auto numbers_of = [](const std::vector<Resource>& rows) {
      std::string text;
      for (const auto& row : rows)
        text += (text.empty() ? "" : " ") + std::to_string(std::stoi(row.id.text.substr(30)));
      return text;
    };
    EXPECT_EQ(numbers_of(TRY(t.resources().in(app_id(1), Kind::element, "", 2))), "2 4");
    EXPECT_EQ(numbers_of(TRY(t.resources().in(app_id(1), Kind::element, element_id(4).text, 2))), "6");
    EXPECT_EQ(numbers_of(TRY(t.resources().in(workspace_id(1), Kind::app, "", 9))), "1 9");
    EXPECT_EQ(numbers_of(TRY(t.resources().in(workspace_id(1), Kind::sandbox, "", 9))), "7");
    EXPECT_EQ(numbers_of(TRY(t.resources().in(workspace_id(2), Kind::app, "", 9))), "");
    EXPECT_EQ(TRY(t.resources().get(sandbox_id(7))).name, "box");
    EXPECT_EQ(numbers(TRY(t.records().scan(Kind::element, element_id(2).text, 2))), "4 5");
    return 0;
  });
}

TEST_P(ForestTables, TheTrashKeepsOneRowOfEachThing) {
  auto row = given_trashed(app_id(1), Kind::app, 5);
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.trash().put(row));
    TRY(t.trash().put(given_trashed(workspace_id(2), Kind::workspace, 6)));
    row.restoring = true;
    row.purge_at.reset();
    row.tier = Tier::none;
    return t.trash().put(row);
  });
  read([&](Transaction& t) -> Result<int> {
    const auto kept = TRY(t.trash().find(app_id(1)));
    EXPECT_TRUE(kept);
    EXPECT_EQ(kept->name, "name");
    EXPECT_EQ(kept->kind, Kind::app);
    EXPECT_EQ(kept->tier, Tier::none);
    EXPECT_EQ(kept->deleted_at, at(5));
    EXPECT_EQ(kept->deleted_by, "user:ada");
    EXPECT_EQ(kept->event, event_id(1));
    EXPECT_FALSE(kept->purge_at);
    EXPECT_TRUE(kept->restoring);
    EXPECT_EQ(TRY(t.trash().of_kind(Kind::workspace, "", 9)).size(), 1u);
    EXPECT_EQ(TRY(t.trash().in(workspace_id(1), "", 9)).size(), 1u) << "what comes back is not in it any more";
    return 0;
  });
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.trash().remove(app_id(1)));
    return t.trash().remove(app_id(1));
  });
  EXPECT_FALSE(read([&](Transaction& t) { return t.trash().find(app_id(1)); }));
}

TEST_P(ForestTables, AHoldKeepsItsThingAndWhatThatLiesIn) {
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.holds().insert(given_hold(1, element_id(2), app_id(1))));
    auto passing = given_hold(3, element_id(2), app_id(1));
    passing.expires_at = at(10);
    TRY(t.holds().insert(passing));
    auto ended = given_hold(4, element_id(2), app_id(1));
    TRY(t.holds().insert(ended));
    ended.ended_at = at(5);
    ended.ended_by = "user:bob";
    return t.holds().update(ended);
  });
  read([&](Transaction& t) -> Result<int> {
    for (const auto& id : {element_id(2), app_id(1), workspace_id(1)})
      EXPECT_EQ(ids(TRY(t.holds().keeping(id, at(9), 9))), "1 3") << id.text;
    EXPECT_EQ(ids(TRY(t.holds().keeping(element_id(2), at(10), 9))), "1") << "the other is over";
    EXPECT_EQ(ids(TRY(t.holds().keeping(element_id(3), at(9), 9))), "");
    EXPECT_EQ(ids(TRY(t.holds().keeping(element_id(2), at(9), 1))), "1");
    const auto ended = TRY(t.holds().get({id_text("hld_", 4)}));
    EXPECT_EQ(ended.ended_by, "user:bob");
    EXPECT_EQ(ended.reason, "audit");
    return 0;
  });
}

TEST_P(ForestTables, ALifetimeIsPutWhetherOrNotItWasThere) {
  auto life = lifetime::begin(app_id(1), State::trashed, {}, {at(1), {}});
  write(store(), [&](Transaction& t) { return t.lifetimes().put(life); });
  lifetime::halt(life, State::trashed, Duration(5s), {at(2), {}}, {});
  write(store(), [&](Transaction& t) { return t.lifetimes().put(life); });
  EXPECT_EQ(as_text(read([&](Transaction& t) { return t.lifetimes().get(app_id(1)); })), as_text(life));
  EXPECT_EQ(read([&](Transaction& t) { return t.lifetimes().waking(at(7), 9); }).size(), 1u);
}

TEST_P(ForestTables, DatabasesAndVolumesHaveNamesOfTheirOwn) {
  const auto given = [](Kind kind, int number) {
    Volume volume;
    volume.resource.id = {id_text(describe(kind).prefix, number)};
    volume.resource.kind = kind;
    volume.resource.parent = volume.resource.workspace = workspace_id(1);
    volume.resource.name = "data";
    volume.lifetime = lifetime::begin(volume.resource.id, State::active, {}, {at(1), {}});
    return volume;
  };
  write(store(), [&](Transaction& t) -> Status {
    TRY(t.volumes().insert(given(Kind::volume, 1)));
    return t.volumes().insert(given(Kind::database, 2));
  });
  read([&](Transaction& t) -> Result<int> {
    EXPECT_EQ(TRY(t.volumes().find_named(workspace_id(1), "data"))->resource.kind, Kind::volume);
    EXPECT_EQ(TRY(t.volumes().find_named(workspace_id(1), "data", Kind::database))->resource.kind, Kind::database);
    VolumeFilter filter;
    filter.workspace = workspace_id(1);
    EXPECT_EQ(numbers(TRY(t.volumes().list(filter, {}))), "1") << "volumes alone";
    EXPECT_EQ(numbers(TRY(t.volumes().scan("", 9))), "2 1");
    EXPECT_EQ(numbers(TRY(t.volumes().scan(id_text("dbs_", 2), 9))), "1");
    EXPECT_EQ(TRY(t.usage().of(workspace_id(1))).disk_mb, 2048);
    return 0;
  });
}

FOR_BOTH_STORES(ForestTables);

}  // namespace
}  // namespace mayfly

// Permits, retries, names and roles: rules that fit on a few lines each.

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/archive.h"
#include "core/caller.h"
#include "core/permit.h"
#include "core/retry.h"
#include "core/sandbox.h"
#include "support/must.h"

namespace mayfly {
namespace {

Uuid uid(std::uint8_t number) {
  Uuid uuid;
  uuid.bytes[15] = number;
  return uuid;
}

TEST(Permit, CoversOneLayerAtOneGenerationAndNothingElse) {
  const LayerRef layer{"instance", uid(1), 2};
  const auto permit = DeletePermit::from_verified_archive(layer, 3, {"arc_1"});

  EXPECT_TRUE(permit.covers(layer, 3));

  EXPECT_FALSE(permit.covers(layer, 2)) << "an earlier generation";
  EXPECT_FALSE(permit.covers(layer, 4)) << "it was started again since";
  EXPECT_FALSE(permit.covers({"instance", uid(1), 1}, 3)) << "the layer before";
  EXPECT_FALSE(permit.covers({"instance", uid(1), 3}, 3)) << "the layer after";
  EXPECT_FALSE(permit.covers({"instance", uid(2), 2}, 3)) << "another sandbox";
  EXPECT_FALSE(permit.covers({"another", uid(1), 2}, 3)) << "another installation";
}

TEST(Permit, SaysWhereItCameFrom) {
  const auto earned = DeletePermit::from_verified_archive({"i", uid(1), 1}, 1, {"arc_1"});
  EXPECT_EQ(earned.archive().text, "arc_1");
  EXPECT_FALSE(earned.waiver());

  const auto waived = DeletePermit::from_waiver({"i", uid(1), 1}, 1, {"evt_1"});
  EXPECT_EQ(waived.waiver().text, "evt_1");
  EXPECT_FALSE(waived.archive());
}

TEST(PermitDeathTest, CannotBeMadeFromNothing) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";

  EXPECT_DEATH(DeletePermit::from_verified_archive({"i", uid(1), 1}, 1, {}), "CHECK");
  EXPECT_DEATH(DeletePermit::from_waiver({"i", uid(1), 1}, 1, {}), "CHECK");
}

TEST(Variable, IsWhatExecveCanTake) {
  for (const auto* name : {"A", "a.b", "with space", "1"}) EXPECT_TRUE(is_variable_name(name)) << name;
  for (const auto& name : {std::string(), std::string("A=B"), std::string("="), std::string("A\0B", 3)})
    EXPECT_FALSE(is_variable_name(name)) << name;
  EXPECT_TRUE(is_variable_value("a=b"));
  EXPECT_TRUE(is_variable_value(""));
  EXPECT_FALSE(is_variable_value(std::string("a\0b", 3)));
}

TEST(ArchiveKey, TellsWhoseArchiveItIs) {
  Archive archive;
  archive.resource.id = {"arc_" + hex(uid(1))};
  archive.key = new_archive_key({"wsp_w"}, {"sbx_s"}, archive.resource.id);

  EXPECT_EQ(archive.key, "wsp_w/sbx_s/" + archive.resource.id.text + ".tar.zst");
  EXPECT_EQ(manifest_key(archive), archive.key + ".manifest");
  for (const auto& key : {archive.key, manifest_key(archive)}) {
    EXPECT_EQ(archive_of_key(key), archive.resource.id) << key;
    EXPECT_EQ(archive_of_key(key + ".partial"), archive.resource.id) << key;
  }
}

TEST(ArchiveKey, OfAnotherShapeIsOfNoArchive) {
  const auto id = "arc_" + hex(uid(1));
  const std::string foreign[] = {"",          "/",           "somebody/left/this", "wsp_w/sbx_s/" + id,
                                 id + ".tar", ".tar.zst",    "arc_1.tar.zst",      "sbx_" + hex(uid(1)) + ".tar.zst",
                                 id + "/x",   id + ".other", id + "0.tar.zst",     id + ".tar.zst.manifest.x"};
  for (const auto& key : foreign) EXPECT_FALSE(archive_of_key(key)) << '"' << key << '"';
}

TEST(Retry, EveryCodeHasItsClass) {
  const struct {
    Code code;
    std::string_view means;
  } table[] = {
      {Code::busy, "busy"},           {Code::unavailable, "transient"},   {Code::no_space, "transient"},
      {Code::exhausted, "transient"}, {Code::not_found, "absent"},        {Code::timed_out, "unknown"},
      {Code::unknown, "unknown"},     {Code::invalid, "permanent"},       {Code::unauthenticated, "permanent"},
      {Code::denied, "permanent"},    {Code::conflict, "permanent"},      {Code::too_large, "permanent"},
      {Code::internal, "permanent"},  {Code::unsupported, "permanent"},
  };
  ASSERT_EQ(std::size(table), static_cast<std::size_t>(Code::internal) + 1);
  for (const auto& row : table) EXPECT_EQ(retry::name(retry::classify(row.code)), row.means) << name(row.code);
}

TEST(Retry, DelaysDoubleUpToACap) {
  constexpr double late = 0.999999;
  const struct {
    retry::Class kind;
    int attempts;
    Duration full;
  } table[] = {
      {retry::Class::busy, 1, 20ms},        {retry::Class::busy, 2, 40ms},      {retry::Class::busy, 5, 320ms},
      {retry::Class::busy, 10, 10s},        {retry::Class::busy, 1'000'000, 10s},
      {retry::Class::transient, 0, 200ms},  {retry::Class::transient, 1, 200ms},
      {retry::Class::transient, 2, 400ms},  {retry::Class::transient, 11, 204'800ms},
      {retry::Class::transient, 12, 5min},  {retry::Class::transient, 1'000'000, 5min},
      {retry::Class::unknown, 3, 800ms},
  };
  for (const auto& row : table) {
    const auto longest = retry::delay(row.kind, row.attempts, late);
    EXPECT_NEAR(seconds(longest), seconds(row.full), seconds(row.full) * 1e-5 + 2e-6)
        << retry::name(row.kind) << " after " << row.attempts;
    EXPECT_EQ(retry::delay(row.kind, row.attempts, 0), row.full / 10) << "never less than a tenth";
  }
}

RC_GTEST_PROP(Retry, NoDelayIsZeroOrPastItsCap, ()) {
  const auto kind = *rc::gen::element(retry::Class::busy, retry::Class::transient, retry::Class::unknown);
  const int attempts = *rc::gen::arbitrary<int>();
  const double jitter = *rc::gen::inRange(0, 1'000'000) / 1e6;

  const auto delay = retry::delay(kind, attempts, jitter);

  RC_ASSERT(delay >= 2ms);
  RC_ASSERT(delay < (kind == retry::Class::busy ? Duration(10s) : Duration(5min)));
}

RC_GTEST_PROP(Retry, MoreJitterIsLater, ()) {
  const int attempts = *rc::gen::inRange(0, 30);
  const double one = *rc::gen::inRange(0, 1000) / 1e3, other = *rc::gen::inRange(0, 1000) / 1e3;

  RC_ASSERT((one <= other) == (retry::delay(retry::Class::transient, attempts, one) <=
                               retry::delay(retry::Class::transient, attempts, other)));
}

TEST(SandboxName, IsAHostLabel) {
  for (const std::string name : {"a", "0", "build", "build-1", "1-build", "a--b", "by-external-ids"})
    EXPECT_EQ(outcome(check_sandbox_name(name)), "fine") << name;
  EXPECT_EQ(outcome(check_sandbox_name(std::string(63, 'a'))), "fine");

  EXPECT_EQ(outcome(check_sandbox_name(std::string(64, 'a'))), "invalid name_invalid");
  for (const std::string name :
       {"", "-", "-a", "a-", "A", "Build", "a b", "a_b", "a.b", "a/b", "..", "caf\xC3\xA9", "a\n"})
    EXPECT_EQ(outcome(check_sandbox_name(name)), "invalid name_invalid") << name;
  EXPECT_EQ(outcome(check_sandbox_name(std::string_view("a\0b", 3))), "invalid name_invalid");
  EXPECT_EQ(outcome(check_sandbox_name("by-external-id")), "invalid name_reserved");
}

TEST(SandboxName, CanNeverBeTakenForAnId) {
  const std::string id = "sbx_" + hex(uid(1));

  EXPECT_EQ(kind_of_id(id), Kind::sandbox);
  EXPECT_FALSE(check_sandbox_name(id));
}

TEST(Kinds, AreToldByThePrefixOfAnId) {
  const std::string digits = hex(uid(7));
  for (const auto kind : {Kind::organization, Kind::workspace, Kind::sandbox, Kind::archive}) {
    const auto& descriptor = describe(kind);
    EXPECT_EQ(descriptor.kind, kind);
    EXPECT_EQ(parse_kind(descriptor.name), kind);
    EXPECT_EQ(kind_of_id(std::string(descriptor.prefix) + digits), kind);
    EXPECT_EQ(uid_of({std::string(descriptor.prefix) + digits}), uid(7));
  }
  for (const std::string text : {"", "sbx_", "sbx", "sbx_1", "box_"}) EXPECT_FALSE(kind_of_id(text)) << text;
  EXPECT_FALSE(kind_of_id("evt_" + digits)) << "an event is no resource";
  EXPECT_FALSE(kind_of_id(digits));
  EXPECT_FALSE(parse_kind("Sandbox"));
}

TEST(Kinds, OnlySandboxesAndArchivesEndByADeadline) {
  EXPECT_TRUE(describe(Kind::sandbox).has_lifetime);
  EXPECT_TRUE(describe(Kind::archive).has_lifetime);
  EXPECT_FALSE(describe(Kind::workspace).has_lifetime);
  EXPECT_FALSE(describe(Kind::organization).has_lifetime);
}

TEST(States, AreReadBackFromTheirNames) {
  std::set<std::string_view> seen;
  for (int number = 0; number <= static_cast<int>(State::gone); ++number) {
    const auto state = static_cast<State>(number);
    EXPECT_EQ(parse_state(name(state)), state);
    EXPECT_TRUE(seen.insert(name(state)).second) << name(state);
  }
  EXPECT_FALSE(parse_state("ended"));
  EXPECT_FALSE(parse_state(""));
}

TEST(Roles, AreOrderedAndNamed) {
  for (const auto role : {Role::reader, Role::member, Role::admin}) EXPECT_EQ(parse_role(name(role)), role);
  EXPECT_FALSE(parse_role("root"));

  const struct {
    Role has, needs;
    std::string_view answer;
  } table[] = {
      {Role::reader, Role::reader, "fine"},   {Role::reader, Role::member, "denied role_too_low"},
      {Role::reader, Role::admin, "denied role_too_low"},
      {Role::member, Role::reader, "fine"},   {Role::member, Role::member, "fine"},
      {Role::member, Role::admin, "denied role_too_low"},
      {Role::admin, Role::reader, "fine"},    {Role::admin, Role::member, "fine"},
      {Role::admin, Role::admin, "fine"},
  };
  for (const auto& row : table) {
    Caller caller;
    caller.role = row.has;
    EXPECT_EQ(outcome(require(caller, row.needs)), row.answer) << name(row.has) << " needs " << name(row.needs);
  }
}

TEST(Caller, NobodyIsAReaderAndTheSystemIsAnAdminOfOneWorkspace) {
  EXPECT_EQ(Caller{}.role, Role::reader);

  const auto system = Caller::system("deadline", {"wsp_1"});
  EXPECT_EQ(system.actor, "system:deadline");
  EXPECT_EQ(system.role, Role::admin);
  EXPECT_EQ(system.workspace.text, "wsp_1");
}

}  // namespace
}  // namespace mayfly

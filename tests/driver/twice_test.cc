// Every action of the driver done twice, and again after what comes later: a late duplicate of an earlier call neither
// fails nor touches what came after it.

#include <fstream>

#include <gmock/gmock.h>

#include "driver/crun_world.h"
#include "driver/memory_stream.h"

namespace mayfly::test {
namespace {

using ::testing::IsEmpty;

class CrunTwice : public CrunWorld {
 protected:
  static std::string outcome(const Status& status) {
    return status ? std::string("fine") : std::string(name(status.error().code));
  }
  Status start(const LaunchSpec& launch) { return driver_->start(launch).map([](const Started&) {}); }
  Status limit(const LaunchSpec& launch) {
    return driver_->limit(launch.incarnation, launch.spec.resources).map([](const Caveats&) {});
  }
  LayerRef volume(int layer = 1) const { return {instance_, fresh_, layer}; }
  DeletePermit volume_waiver() const { return DeletePermit::from_waiver(volume(), 0, {"evt_1"}); }

  Uuid fresh_ = fresh_uid();
};

TEST_F(CrunTwice, AndAgainAfterSuccess) {
  const auto first = launch(1), second = launch(2);
  const struct {
    const char* what;
    std::function<Status()> act;
    const char* expected;
    bool runs;           // the second generation does, afterwards
  } rows[] = {
      {"start", [&] { return start(first); }, "fine", false},
      {"limit", [&] { return limit(first); }, "fine", false},
      {"freeze", [&] { return driver_->freeze(first.incarnation); }, "fine", false},
      {"thaw", [&] { return driver_->thaw(first.incarnation); }, "fine", false},
      {"kill", [&] { return driver_->kill(first.incarnation); }, "fine", false},
      {"late freeze", [&] { return driver_->freeze(first.incarnation); }, "not_found", false},
      {"late thaw", [&] { return driver_->thaw(first.incarnation); }, "not_found", false},
      {"release", [&] { return driver_->release(first.incarnation); }, "fine", false},
      {"late kill", [&] { return driver_->kill(first.incarnation); }, "fine", false},
      {"start of the next", [&] { return start(second); }, "fine", true},
      {"late kill of the one before", [&] { return driver_->kill(first.incarnation); }, "fine", true},
      {"late release of the one before", [&] { return driver_->release(first.incarnation); }, "fine", true},
      {"late freeze of the one before", [&] { return driver_->freeze(first.incarnation); }, "not_found", true},
      {"discard under its feet", [&] { return driver_->discard(layer_of(second), waiver(second)); }, "busy", true},
      {"late erase", [&] { return driver_->erase(layer_of(first)); }, "fine", true},
      {"kill of the next", [&] { return driver_->kill(second.incarnation); }, "fine", false},
      {"release of the next", [&] { return driver_->release(second.incarnation); }, "fine", false},
      {"late permit", [&] { return driver_->discard(layer_of(first), waiver(first)); }, "conflict", false},
      {"discard", [&] { return driver_->discard(layer_of(second), waiver(second)); }, "fine", false},
      {"late release", [&] { return driver_->release(second.incarnation); }, "fine", false},
      {"erase", [&] { return driver_->erase(layer_of(second)); }, "fine", false},
      {"late discard", [&] { return driver_->discard(layer_of(second), waiver(second)); }, "fine", false},
      {"late kill at the end", [&] { return driver_->kill(second.incarnation); }, "fine", false},
  };

  for (const auto& row : rows)
    for (const int pass : {1, 2}) {
      const auto done = row.act();
      EXPECT_EQ(outcome(done), row.expected)
          << row.what << ", pass " << pass << ": " << (done ? "" : done.error().message);
      const auto presence = driver_->inspect(second.incarnation);
      ASSERT_TRUE(presence) << presence.error().message;
      EXPECT_EQ(presence->running, row.runs) << row.what << ", pass " << pass;
      EXPECT_FALSE(presence->frozen) << row.what;
    }

  EXPECT_THAT(*driver_->inventory(), IsEmpty());
}

TEST_F(CrunTwice, LayersThatComeAndGo) {
  const auto make = [&] { return driver_->make_volume(volume(), 10).map([](const Caveats&) {}); };
  const auto path = layout_.layer(volume()) + "/upper/file";
  ASSERT_TRUE(make());
  std::ofstream(path) << "text";
  EXPECT_TRUE(make()) << "one that is there stays";
  EXPECT_TRUE(std::ifstream(path).good());

  StringSink tar, manifest;
  const auto packed = driver_->export_layer(volume(), {}, tar, manifest);
  StringSink again, manifest_again;
  const auto packed_again = driver_->export_layer(volume(), {}, again, manifest_again);
  ASSERT_TRUE(packed && packed_again);
  EXPECT_EQ(*packed, *packed_again);
  EXPECT_EQ(manifest.text, manifest_again.text);

  for (const int pass : {1, 2}) {
    StringSource source(tar.text);
    const auto held = driver_->import_layer(volume(), source);
    ASSERT_TRUE(held) << pass << held.error().message;
    EXPECT_EQ(held->digest, packed->digest) << pass;
  }
  for (const int pass : {1, 2}) EXPECT_TRUE(driver_->discard(volume(), volume_waiver())) << pass;
  EXPECT_FALSE(*driver_->has_layer(volume()));
  // The name is free: what comes to it later is not the business of a late erase.
  StringSource source(tar.text);
  ASSERT_TRUE(driver_->import_layer(volume(), source));
  for (const int pass : {1, 2}) EXPECT_TRUE(driver_->erase(volume())) << pass;
  EXPECT_TRUE(*driver_->has_layer(volume()));

  EXPECT_TRUE(driver_->discard(volume(), volume_waiver()));
  EXPECT_TRUE(driver_->erase(volume()));
  EXPECT_THAT(*driver_->inventory(), IsEmpty());
}

}  // namespace
}  // namespace mayfly::test

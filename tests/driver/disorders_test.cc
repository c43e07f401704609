// Things of the driver's own that contradict each other.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "driver/crun_world.h"

namespace mayfly::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using CrunDisorders = CrunWorld;

TEST_F(CrunDisorders, TellOfARangeOfUserIdsThatTwoHave) {
  const auto first = launch_of(fresh_uid()), second = launch_of(fresh_uid());
  for (const auto& each : {first, second}) {
    const auto run = layout_.run(each.incarnation);
    std::filesystem::create_directories(run);
    std::ofstream(run + "/slot") << (each.incarnation == first.incarnation ? "7" : "8");
  }
  EXPECT_THAT(*driver_->disorders(), IsEmpty());

  std::ofstream(layout_.run(second.incarnation) + "/slot") << "7";

  EXPECT_THAT(*driver_->disorders(), ElementsAre(HasSubstr("user id range 7 belongs to two containers")));
  for (const auto& each : {first, second}) std::filesystem::remove_all(layout_.run(each.incarnation));
}

TEST_F(CrunDisorders, TellOfATableThatNobodyNeeds) {
  const auto marker = layout_.data + "/network-in-use";
  std::ofstream(marker) << "";

  EXPECT_THAT(*driver_->disorders(), ElementsAre(HasSubstr("nftables table mayfly_" + instance_)));

  std::filesystem::remove(marker);
  EXPECT_THAT(*driver_->disorders(), IsEmpty());
}

}  // namespace
}  // namespace mayfly::test

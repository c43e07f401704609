#include "app/connection_counts.h"

#include <gtest/gtest.h>

namespace mayfly {
namespace {

TEST(ConnectionCounts, ASandboxHasSoManyAndTheOthersTheirOwn) {
  ConnectionCounts counts;
  const ResourceId full{"sbx_full"}, other{"sbx_other"};
  const KeyId key{"key_1"};
  std::vector<std::shared_ptr<void>> open;
  for (int i = 0; i < ConnectionCounts::sandbox_limit; ++i) open.push_back(counts.take(full, key).value());

  const auto refused = counts.take(full, key);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exhausted);
  EXPECT_EQ(refused.error().reason, "too_many_connections");
  EXPECT_NE(refused.error().message.find("sbx_full"), std::string::npos);
  EXPECT_TRUE(counts.take(other, key));

  open.pop_back();
  EXPECT_TRUE(counts.take(full, key)) << "a closed one makes room";
}

TEST(ConnectionCounts, AKeyHasSoManyInAllSandboxes) {
  ConnectionCounts counts;
  const KeyId busy{"key_busy"}, other{"key_other"};
  std::vector<std::shared_ptr<void>> open;
  for (int i = 0; i < ConnectionCounts::key_limit; ++i)
    open.push_back(counts.take({"sbx_" + std::to_string(i)}, busy).value());

  EXPECT_FALSE(counts.take({"sbx_new"}, busy));
  EXPECT_TRUE(counts.take({"sbx_new"}, other));
}

TEST(ConnectionCounts, ATokenMayOutliveThem) {
  std::shared_ptr<void> token;
  {
    ConnectionCounts counts;
    token = counts.take({"sbx_1"}, {"key_1"}).value();
  }
  token.reset();
}

}  // namespace
}  // namespace mayfly

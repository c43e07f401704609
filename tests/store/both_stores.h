#pragma once
// Every conformance test runs against each store.

#include "store/given.h"
#include "store/memory/store.h"
#include "store/sqlite/store.h"

namespace mayfly {

class BothStores : public ::testing::TestWithParam<std::string> {
 protected:
  BothStores() {
    if (GetParam() == "memory") store_ = std::make_unique<MemoryStore>(clock);
    else store_ = must(SqliteStore::open({.path = folder_.file("store.db")}, clock));
  }
  Store& store() { return *store_; }

  /// The answer of one read.
  template <class Body>
  auto read(Body body) {
    return must(store_->read(body));
  }

  ManualClock clock;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

#define FOR_BOTH_STORES(suite)                                               \
  INSTANTIATE_TEST_SUITE_P(Stores, suite, ::testing::Values("memory", "sqlite"), \
                           [](const auto& info) { return info.param; })

}  // namespace mayfly

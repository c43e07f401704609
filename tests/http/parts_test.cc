// The parts of the server that need no socket: threads, pipes, guests.

#include <gtest/gtest.h>

#include "given.h"
#include "http/body_pipe.h"
#include "http/guests.h"
#include "http/pool.h"

namespace mayfly::http {
namespace {

TEST(Pool, RefusesWhatItsQueueCannotHold) {
  Gate started, release;
  Pool pool(1, 1);

  ASSERT_TRUE(pool.submit([&] { started.open(); release.wait(); }));
  ASSERT_TRUE(started.wait());
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_FALSE(pool.submit([] {}));
  EXPECT_EQ(pool.waiting(), 1u);

  release.open();
  EXPECT_TRUE(eventually([&] { return pool.waiting() == 0; }));
}

TEST(Pool, EndsWhatRunsAndDropsWhatWaitsWhenItStops) {
  Gate started;
  bool ended = false, dropped_ran = false;
  Pool pool(1, 10);
  Gate release;
  ASSERT_TRUE(pool.submit([&] { started.open(); release.wait(); ended = true; }));
  ASSERT_TRUE(started.wait());
  ASSERT_TRUE(pool.submit([&] { dropped_ran = true; }));

  std::jthread opener([&] {
    eventually([&] { return pool.waiting() == 0; });
    release.open();
  });
  pool.stop();

  EXPECT_TRUE(ended);
  EXPECT_FALSE(dropped_ran);
  EXPECT_FALSE(pool.submit([] {}));
}

std::string read_all(BodyPipe& pipe, std::size_t room) {
  std::string all, piece(room, '\0');
  while (true) {
    const auto size = pipe.read(piece);
    if (!size) return all + "!" + std::string(name(size.error().code));
    if (*size == 0) return all;
    all += piece.substr(0, *size);
  }
}

TEST(BodyPipe, GivesEverythingInOrderThenTheEnd) {
  BodyPipe pipe(std::nullopt, [] {});
  pipe.push("hello ");
  pipe.push("world");
  pipe.finish();
  pipe.fail({Code::timed_out, "too late to matter", {}, {}});

  EXPECT_EQ(read_all(pipe, 4), "hello world");
}

TEST(BodyPipe, GivesWhatArrivedBeforeItTellsTheTrouble) {
  BodyPipe pipe(10, [] {});
  pipe.push("abc");
  pipe.fail({Code::unavailable, "gone", {}, {}});

  EXPECT_EQ(read_all(pipe, 2), "abc!unavailable");
}

TEST(BodyPipe, WantsNothingBeforeItIsReadNorWhenItIsFull) {
  std::atomic<int> wanted = 0;
  BodyPipe pipe(std::nullopt, [&] { ++wanted; });
  EXPECT_FALSE(pipe.wants());

  std::jthread reader([&] { read_all(pipe, 1000); });
  EXPECT_TRUE(eventually([&] { return wanted == 1; }));
  EXPECT_TRUE(pipe.wants());
  while (pipe.wants()) pipe.push(std::string(64 * 1024, 'x'));

  EXPECT_TRUE(eventually([&] { return wanted == 2; }));
  EXPECT_TRUE(pipe.wants());
  pipe.finish();
}

struct Visitor final : Guest {
  Visitor(Guests& guests, std::string& told, char name) : Guest(guests), told_(told), name_(name) {}
  void on_late() override { told_ += std::string("late ") + name_ + " "; }
  void cut() override { told_ += std::string("cut ") + name_ + " "; }
  std::string& told_;
  char name_;
};

TEST(Guests, CutTheOneThatHasBeenIdleLongest) {
  Guests guests;
  std::string told;
  Visitor a(guests, told, 'a'), b(guests, told, 'b'), c(guests, told, 'c');
  a.set_idle(true);
  b.set_idle(true);
  a.set_idle(false);
  a.set_idle(true);

  EXPECT_TRUE(guests.cut_oldest_idle());
  EXPECT_TRUE(guests.cut_oldest_idle());
  EXPECT_FALSE(guests.cut_oldest_idle());
  EXPECT_EQ(told, "cut b cut a ");
  EXPECT_EQ(guests.size(), 3u);
}

TEST(Guests, TellEachDeadlineOnce) {
  Guests guests;
  std::string told;
  const Guest::Clock::time_point start{};
  Visitor a(guests, told, 'a'), b(guests, told, 'b'), c(guests, told, 'c');
  a.wait_until(start + std::chrono::seconds(1));
  b.wait_until(start + std::chrono::seconds(2));
  b.set_idle(true);

  for (int second = 0; second < 5; ++second) guests.tell_late(start + std::chrono::seconds(second));

  EXPECT_EQ(told, "late a late b ");
}

}  // namespace
}  // namespace mayfly::http

// Bodies that do not fit in memory.

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "given.h"
#include "http/client.h"

namespace mayfly::http {
namespace {

using std::chrono::milliseconds;

#ifdef __SANITIZE_THREAD__
constexpr std::uint64_t gigabyte = 64 << 20;   // a build that looks for races is too slow for the true one
#else
constexpr std::uint64_t gigabyte = 1 << 30;
#endif
// Two pieces, a pipe, socket buffers of both sides and the allocator's slack; a leak of the body would be 1 GiB.
constexpr std::uint64_t memory_allowed = 48 << 20;

std::uint64_t status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

// How much the memory of this process rose above the start at its highest.
class Watermark {
 public:
  Watermark() {
    std::ofstream("/proc/self/clear_refs") << 5;
    start_ = status_bytes("VmRSS");
  }
  std::uint64_t risen() const {
    const auto high = status_bytes("VmHWM");
    return high > start_ ? high - start_ : 0;
  }

 private:
  std::uint64_t start_ = 0;
};

// Noise with a period that no buffer has: nothing can be lost, doubled or swapped unnoticed.
const std::string& noise() {
  static const std::string bytes = [] {
    std::string made(1'000'003, '\0');
    std::minstd_rand random(7);
    for (auto& c : made) c = static_cast<char>(random() >> 8);
    return made;
  }();
  return bytes;
}

// A place in endless noise.
struct Pattern {
  std::uint64_t place = 0;
  std::string_view next(std::size_t most) {
    const auto piece = std::string_view(noise()).substr(place % noise().size(), most);
    place += piece.size();
    return piece;
  }
  std::size_t fill(std::span<char> room, std::uint64_t total) {
    const auto piece = next(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), total - place)));
    std::ranges::copy(piece, room.begin());
    return piece.size();
  }
  bool fits(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto piece = next(bytes.size());
      if (!bytes.starts_with(piece)) return false;
      bytes.remove_prefix(piece.size());
    }
    return true;
  }
};

struct PatternSource final : BodySource {
  explicit PatternSource(std::uint64_t size) : total(size) {}
  Result<std::size_t> read(std::span<char> room) override { return pattern.fill(room, total); }
  std::uint64_t total;
  Pattern pattern;
};

Response streamed(std::shared_ptr<BodySource> source, std::optional<std::uint64_t> length = {}) {
  Response response;
  response.stream = std::move(source);
  response.stream_length = length;
  return response;
}

BlockingHandler streams_pattern(std::uint64_t size) {
  return [size](const Request&) { return streamed(std::make_shared<PatternSource>(size)); };
}

std::string url_of(const World& world) { return "http://127.0.0.1:" + std::to_string(world.server->port()); }

StreamingHandler checks_pattern() {
  return [](const Request&, BodyReader& body) {
    Pattern pattern;
    std::vector<char> room(64 * 1024);
    while (true) {
      const auto size = body.read(room);
      if (!size) return text(size.error().message, 400);
      if (*size == 0) return text(std::to_string(pattern.place));
      if (!pattern.fits({room.data(), *size})) return text("wrong bytes", 400);
    }
  };
}

TEST(ServerStreams, CarryAGigabyteDownInLittleMemory) {
  World world;
  world.get("/known", BlockingHandler([](const Request&) {
    return streamed(std::make_shared<PatternSource>(gigabyte), gigabyte);
  }));
  world.get("/chunks", streams_pattern(gigabyte));
  world.start();
  for (const char* path : {"/known", "/chunks"}) {
    Client client(url_of(world));
    Pattern pattern;
    bool fits = true;
    ClientRequest request;
    request.path = path;
    request.timeout = milliseconds(0);
    request.download = [&](std::string_view bytes) { return fits = fits && pattern.fits(bytes); };
    const Watermark memory;

    const auto answer = client.call(request);

    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(fits);
    EXPECT_EQ(pattern.place, gigabyte);
    EXPECT_LT(memory.risen(), memory_allowed);
  }
}

TEST(ServerStreams, CarryAGigabyteUpInLittleMemory) {
  World world;
  world.post("/upload", checks_pattern());
  world.start();
  for (const bool known : {true, false}) {
    Client client(url_of(world));
    Pattern pattern;
    ClientRequest request;
    request.method = "POST";
    request.path = "/upload";
    request.timeout = milliseconds(0);
    request.upload = [&](std::span<char> room) { return pattern.fill(room, gigabyte); };
    if (known) request.upload_length = gigabyte;
    const Watermark memory;

    const auto answer = client.call(request);

    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, std::to_string(gigabyte));
    EXPECT_LT(memory.risen(), memory_allowed);
  }
}

TEST(ServerStreams, KeepTheConnectionForTheNextRequest) {
  World world;
  world.post("/upload", checks_pattern());
  world.get("/chunks", streams_pattern(300'000));
  world.start();
  auto client = world.client();
  std::string body(200'000, '\0');
  Pattern().fill(body, body.size());

  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(client.call(post("/upload", body)).body, "200000");
    EXPECT_TRUE(Pattern().fits(client.call(get("/chunks")).body));
    EXPECT_EQ(client.call(post("/upload", "")).body, "0");
  }
}

TEST(ServerStreams, SpeakWithoutChunksToOldClients) {
  World world;
  world.get("/chunks", streams_pattern(1000));
  world.start();
  auto client = world.client();

  const auto answer = client.call("GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

  EXPECT_EQ(answer.header("Transfer-Encoding"), "");
  EXPECT_EQ(answer.body.size(), 1000u);
  EXPECT_TRUE(answer.whole);
}

TEST(ServerStreams, AskForTheBodyWhenTheHandlerReads) {
  World world;
  world.post("/upload", checks_pattern());
  world.post("/refuse", StreamingHandler([](const Request&, BodyReader&) { return text("no", 403); }));
  world.start();

  auto client = world.client();
  client.send("POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100);
  EXPECT_EQ(client.call(noise().substr(0, 1)).body, "1");

  auto unwanted = world.client();
  unwanted.send("POST /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(unwanted.receive().status, 403);
}

TEST(ServerStreams, ShowTheAnswerOfAHandlerThatDoesNotReadOn) {
  World world;
  world.post("/refuse", StreamingHandler([](const Request&, BodyReader& body) {
    std::array<char, 10> room{};
    static_cast<void>(body.read(room));
    return text("enough", 403);
  }));
  world.start();
  auto client = world.client();

  client.send("POST /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + std::string(300'000, 'x'));

  const auto answer = client.receive();
  EXPECT_EQ(answer.body, "enough");
  EXPECT_EQ(answer.header("Connection"), "close");
}

// What the handler hears of a body whose sender does that after three bytes.
std::string heard_when(const std::function<void(RawClient&)>& act,
                       const std::string& framing = "Content-Length: 100\r\n\r\nabc") {
  World world;
  world.options.body_timeout = milliseconds(200);
  std::string heard;
  Gate done, began;
  world.post("/upload", StreamingHandler([&](const Request&, BodyReader& body) {
    std::array<char, 10> room{};
    auto size = body.read(room);
    began.open();
    while (size && *size > 0) size = body.read(room);
    heard = size ? "the end" : std::string(name(size.error().code));
    done.open();
    return text("done");
  }));
  world.start();
  auto client = world.client();
  client.send("POST /upload HTTP/1.1\r\nHost: h\r\n" + framing);
  EXPECT_TRUE(began.wait());
  act(client);
  EXPECT_TRUE(done.wait());
  return heard;
}

TEST(ServerStreams, TellTheHandlerWhatBecameOfTheClient) {
  EXPECT_EQ(heard_when([](RawClient&) {}), "timed_out");
  EXPECT_EQ(heard_when([](RawClient& client) { client.end_sending(); }), "unavailable");
  EXPECT_EQ(heard_when([](RawClient& client) { client.reset(); }), "unavailable");
  const std::string chunk = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
  EXPECT_EQ(heard_when([](RawClient& client) { client.send("zz\r\n"); }, chunk), "invalid");
}

struct BrokenSource final : BodySource {
  explicit BrokenSource(int good) : left(good) {}
  Result<std::size_t> read(std::span<char> room) override {
    if (left-- == 0) return fail(Code::unavailable, "the disk has left");
    room[0] = 'x';
    return 1;
  }
  int left;
};

TEST(ServerStreams, CutTheConnectionWhenTheSourceFails) {
  World world;
  world.get("/broken", BlockingHandler([](const Request&) { return streamed(std::make_shared<BrokenSource>(2)); }));
  world.get("/short", BlockingHandler([](const Request&) { return streamed(std::make_shared<PatternSource>(5), 6); }));
  world.get("/long", BlockingHandler([](const Request&) { return streamed(std::make_shared<PatternSource>(7), 6); }));
  world.start();

  for (const char* path : {"/broken", "/short", "/long"}) {
    auto client = world.client();
    const auto answer = client.call(get(path));
    EXPECT_FALSE(answer.whole) << path;
    EXPECT_TRUE(client.ended()) << path;
  }
  EXPECT_EQ(world.log.line(0).trouble, "the disk has left");
  EXPECT_EQ(world.log.line(1).trouble, "the stream is shorter than its announced length");
  EXPECT_EQ(world.log.line(2).trouble, "the stream is longer than its announced length");
}

// Has nothing to say until it is cancelled.
struct SilentSource final : BodySource {
  Result<std::size_t> read(std::span<char>) override {
    reading.open();
    cancelled.wait();
    return 0;
  }
  void cancel() override { cancelled.open(); }
  Gate reading, cancelled;
};

TEST(ServerStreams, FreeASilentSourceWhenItsClientLeaves) {
  World world;
  auto source = std::make_shared<SilentSource>();
  world.get("/silent", BlockingHandler([&](const Request&) { return streamed(source); }));
  world.start();
  auto client = world.client();
  client.send(get("/silent"));
  ASSERT_TRUE(source->reading.wait());

  client.close();

  EXPECT_TRUE(source->cancelled.wait());
  EXPECT_EQ(world.log.line(0).trouble, "the client went away");
}

TEST(ServerStreams, EndASilentSourceWhenTheServerStops) {
  World world;
  auto source = std::make_shared<SilentSource>();
  world.get("/silent", BlockingHandler([&](const Request&) { return streamed(source); }));
  world.start();
  auto client = world.client();
  client.send(get("/silent"));
  ASSERT_TRUE(source->reading.wait());

  world.server->stop(milliseconds(1));

  EXPECT_TRUE(client.ended());
}

TEST(ServerStreams, RefuseMoreStreamsThanThereAreThreads) {
  World world;
  world.options.stream_threads = 1;
  auto source = std::make_shared<SilentSource>();
  world.get("/silent", BlockingHandler([&](const Request&) { return streamed(source); }));
  world.post("/upload", checks_pattern());
  world.router.add({.method = "GET", .pattern = "/long", .handler = says("long"), .long_running = true});
  world.get("/a", says("a"));
  world.start();
  auto first = world.client();
  first.send(get("/silent"));
  ASSERT_TRUE(source->reading.wait());

  EXPECT_EQ(world.client().call(post("/upload", "")).status, 503);
  EXPECT_EQ(world.client().call(get("/long")).header("Retry-After"), "1");
  EXPECT_EQ(world.client().call(get("/silent")).body, "refused 503: too many streams are open");
  EXPECT_EQ(world.client().call(get("/a")).body, "a");

  source->cancel();
  EXPECT_TRUE(first.receive().whole);
  EXPECT_TRUE(eventually([&] { return world.client().call(get("/long")).body == "long"; }));
}

TEST(ServerStreams, CutAClientThatStopsReading) {
  World world;
  world.options.body_timeout = milliseconds(100);
  world.get("/endless", streams_pattern(gigabyte));
  world.start();
  auto client = world.client();

  client.send(get("/endless"));

  EXPECT_EQ(world.log.line(0).trouble, "the client stopped reading");
}

TEST(ServerStreams, DoNotReadTheSourceForHead) {
  World world;
  auto source = std::make_shared<SilentSource>();
  world.get("/silent", BlockingHandler([&](const Request&) { return streamed(source, 12); }));
  world.start();
  auto client = world.client();

  client.send("HEAD /silent HTTP/1.1\r\nHost: h\r\n\r\n");

  EXPECT_EQ(client.receive(true).header("Content-Length"), "12");
  EXPECT_TRUE(source->cancelled.wait());
}

// Gives its first word at once and ends when the gate opens.
class Gated final : public BodySource {
 public:
  explicit Gated(Gate& gate) : gate_(gate) {}
  Result<std::size_t> read(std::span<char> room) override {
    if (said_) {
      gate_.wait();
      return 0;
    }
    said_ = true;
    room[0] = 'x';
    return 1;
  }
  void cancel() override { gate_.open(); }

 private:
  Gate& gate_;
  bool said_ = false;
};

TEST(ServerStreams, ARequestThatAsksForAStreamIsRefusedBeforeItsHandlerWhenThereIsNoPlace) {
  World world;
  world.options.stream_threads = 1;
  Gate gate;
  std::atomic<int> begun{0};
  Route route{.method = "POST", .pattern = "/run", .handler = AsyncHandler([](auto, Responder respond) {
                respond(text("whole"));
              })};
  route.streamed = Route::Streamed{[](const Request& request) { return request.header("Accept") != nullptr; },
                                   [&](const Request&) {
                                     ++begun;
                                     Response response;
                                     response.stream = std::make_shared<Gated>(gate);
                                     return response;
                                   }};
  world.router.add(std::move(route));
  world.start();
  const std::string streamed = "POST /run HTTP/1.1\r\nHost: x\r\nAccept: stream\r\nContent-Length: 0\r\n\r\n";

  auto first = world.client(), second = world.client(), third = world.client();
  first.send(streamed);
  const auto head = first.receive(true);
  const auto refused = second.call(streamed);
  const auto plain = third.call("POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");

  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(plain.body, "whole");
  EXPECT_EQ(begun, 1);
  gate.open();
}

}  // namespace
}  // namespace mayfly::http

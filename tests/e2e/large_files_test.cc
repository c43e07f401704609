// Files that do not fit in memory, and pieces of them.

#include "e2e/streaming.h"

namespace mayfly::test {
namespace {

class LargeFiles : public Streaming {
 protected:
  std::string content(const std::string& path) { return Api::of(sandbox_, "files/content?path=" + path); }
};

TEST_F(LargeFiles, ArriveAndLeaveInConstantMemory) {
  constexpr std::int64_t up = 512 * mebibyte, down = 2048 * mebibyte;
  ASSERT_EQ(api().exec(sandbox_, "truncate -s 2147483648 /sparse").status, 200);
  http::Client client(server_.url(), {{"Authorization", std::string("Bearer ") + Server::key}});
  const auto inside = agent();
  ASSERT_EQ(api().call("PUT", content("/small"), std::string(4 << 20, 'x')).status, 201);
  Watch server(server_.pid()), agent_watch(inside);

  std::int64_t left = up, came = 0;
  http::ClientRequest put{.method = "PUT", .path = content("/large"), .timeout = 300s};
  put.upload = [&](std::span<char> room) {
    const auto size = std::min<std::int64_t>(left, static_cast<std::int64_t>(room.size()));
    std::fill_n(room.begin(), size, 'x');
    left -= size;
    return static_cast<std::size_t>(size);
  };
  const auto stored = client.call(put);
  http::ClientRequest get{.path = content("/sparse"), .timeout = 300s};
  get.download = [&](std::string_view piece) {
    came += static_cast<std::int64_t>(piece.size());
    return true;
  };
  const auto fetched = client.call(get);

  ASSERT_TRUE(stored && fetched);
  EXPECT_EQ(stored->status, 201) << stored->body;
  EXPECT_EQ(came, down);
  EXPECT_EQ(api().output(sandbox_, "stat -c %s /large"), std::to_string(up) + "\n");
  EXPECT_LT(server.grown_kb(), growth_kb);
  EXPECT_LT(agent_watch.grown_kb(), growth_kb);
}

TEST_F(LargeFiles, AreReadInRanges) {
  ASSERT_EQ(api().exec(sandbox_, "truncate -s 2147483648 /sparse; printf 0123456789 > /digits").status, 200);
  const auto range = [&](const std::string& path, const std::string& wanted) {
    return api().call("GET", content(path), {}, {{"Range", wanted}});
  };

  EXPECT_EQ(range("/digits", "bytes=2-4").text, "234");
  EXPECT_EQ(range("/digits", "bytes=7-").text, "789");
  EXPECT_EQ(range("/digits", "bytes=-2").text, "89");
  EXPECT_EQ(range("/digits", "bytes=0-0,5-6").text, "0123456789");
  const auto far = range("/sparse", "bytes=2147483646-");
  EXPECT_EQ(far.status, 206);
  EXPECT_EQ(far.text, std::string(2, '\0'));
  EXPECT_EQ(*http::find(far.headers, "Content-Range"), "bytes 2147483646-2147483647/2147483648");
  const auto beyond = range("/digits", "bytes=10-");
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(*http::find(beyond.headers, "Content-Range"), "bytes */10");

  const auto tag = *http::find(api().get(content("/digits")).headers, "ETag");
  const auto same = api().call("GET", content("/digits"), {}, {{"Range", "bytes=1-2"}, {"If-Range", tag}});
  ASSERT_EQ(api().call("PUT", content("/digits"), "another").status, 201);
  const auto changed = api().call("GET", content("/digits"), {}, {{"Range", "bytes=1-2"}, {"If-Range", tag}});
  EXPECT_EQ(same.text, "12");
  EXPECT_EQ(changed.text, "another");
  const auto head = api().call("HEAD", content("/sparse"));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(*http::find(head.headers, "Content-Length"), "2147483648");
}

}  // namespace
}  // namespace mayfly::test

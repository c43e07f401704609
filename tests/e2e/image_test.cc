// Images over HTTP: brought in as a stream, counted, and deleted through the one deletion path.

#include "e2e/server.h"
#include "os/file.h"
#include "os/process.h"

namespace mayfly::test {
namespace {

class ImageStory : public Served {
 protected:
  /// Runs a shell line in the folder of the test.
  void make(const std::string& line) {
    os::RunOptions run;
    run.argv = {"/bin/sh", "-ec", line};
    run.cwd = server_.folder();
    const auto done = os::run(run);
    ASSERT_TRUE(done && done->exit_code == 0) << line << (done ? done->err : done.error().message);
  }
  std::string bytes_of(const std::string& name) { return os::read_file(server_.folder() + "/" + name).value_or(""); }
  /// A root file system with a busybox and a mark in it, as NAME.tar.
  void make_root(const std::string& name) {
    make("mkdir -p " + name + "/bin " + name + "/etc && cp /bin/busybox " + name + "/bin/ && ln -s busybox " + name +
         "/bin/sh && ln -s busybox " + name + "/bin/cat && echo " + name + " > " + name + "/etc/mark && tar -C " +
         name + " -cf " + name + ".tar .");
  }
  Answer upload(const std::string& name, const std::string& bytes) {
    return api().call("POST", "/v1/images?name=" + name, bytes, {{"Content-Type", "application/octet-stream"}});
  }
  std::vector<std::string> folders() const { return *os::list_folder(server_.data() + "/images"); }
  json::object listed(const std::string& name) {
    for (const auto& item : api().get("/v1/images").items())
      if (item.at("name") == json::value(name)) return item;
    return {};
  }
};

TEST_F(ImageStory, ATarArrivesAsAStreamAndSandboxesAreMadeOfIt) {
  make_root("one");
  make("gzip -k one.tar && zstd -q one.tar");

  const auto made = upload("one", bytes_of("one.tar"));
  ASSERT_EQ(made.status, 201) << made;
  for (const auto* packed : {"one.tar.gz", "one.tar.zst"}) {
    const auto same = upload("two", bytes_of(packed));
    ASSERT_EQ(same.status, 201) << packed << same;
    EXPECT_EQ(same.string("digest"), made.string("digest")) << packed;
  }

  const auto sandbox = given_sandbox({{"image", "one"}});
  EXPECT_EQ(api().output(sandbox, "cat /etc/mark"), "one\n");
  const auto row = listed("one");
  EXPECT_EQ(row.at("names"), json::value({"one", "two"}));
  EXPECT_EQ(row.at("used_by").at("sandboxes"), json::value(1));
  EXPECT_GT(row.at("bytes").as_int64(), 500'000);
}

TEST_F(ImageStory, HostileAndBrokenTarsAreRefusedAndLeaveNothing) {
  const auto before = folders();
  make_root("one");
  make("echo x > evil && tar -P --transform 's,^,../../,' -cf dots.tar evil && "
       "tar -P --transform 's,^,/,' -cf root.tar evil && ln -s /etc link && tar -cf link.tar link && "
       "mkdir -p sub/link && echo x > sub/link/passwd && "
       "tar -C sub -rf link.tar link/passwd && head -c 300000 one.tar > cut.tar && gzip -c one.tar | head -c 30000 > "
       "cut.tar.gz && mkdir -p oci/blobs/sha256 && echo '{\"imageLayoutVersion\":\"1.0.0\"}' > oci/oci-layout && "
       "h=$(printf %064d 0) && echo '{}' > oci/blobs/sha256/$h && echo "
       "'{\"manifests\":[{\"digest\":\"sha256:'$h'\"}]}' > oci/index.json && tar -C oci -cf digest.tar .");

  for (const auto* name : {"dots.tar", "root.tar", "link.tar", "cut.tar", "cut.tar.gz", "digest.tar"}) {
    const auto refused = upload("evil", bytes_of(name));
    EXPECT_EQ(refused.status, 400) << name << " " << refused;
    EXPECT_FALSE(refused.string("detail").empty()) << name;
  }
  EXPECT_EQ(upload("evil", "no tar at all").status, 400);
  EXPECT_EQ(api().call("POST", "/v1/images", "no wish either").status, 400);
  EXPECT_EQ(api().call("POST", "/v1/images", std::string(100'000, 'x')).status, 413);
  EXPECT_EQ(upload("-evil", "x").string("code"), "name_invalid");

  EXPECT_EQ(folders(), before) << "nothing half made is left";
  EXPECT_EQ(os::read_file("/etc/passwd")->find('x') == std::string::npos, false);
}

TEST_F(ImageStory, RemovingIsADeleteWithATree) {
  make_root("one");
  ASSERT_EQ(upload("one", bytes_of("one.tar")).status, 201);
  const auto before = folders().size();
  const auto sandbox = given_sandbox({{"image", "one"}});

  const auto refused = api().remove("/v1/images/one");
  EXPECT_EQ(refused.status, 409) << refused;
  EXPECT_EQ(refused.string("code"), "image_in_use");
  EXPECT_NE(refused.string("detail").find("1 sandbox (" + sandbox + ")"), std::string::npos) << refused;

  server_.delete_now(sandbox);
  const auto accepted = api().remove("/v1/images/one");
  ASSERT_EQ(accepted.status, 202) << accepted;
  ASSERT_TRUE(server_.task_completes(accepted.string("cleanup_task_id")));
  const auto tree = api().get("/v1/cleanup-tasks/" + accepted.string("cleanup_task_id") + "/tree");
  for (const auto* step : {"delete_image", "destroy_image", "confirm_image", "forget_image"})
    EXPECT_NE(tree.text.find(step), std::string::npos) << tree;
  EXPECT_EQ(folders().size(), before - 1);
  EXPECT_EQ(api().remove("/v1/images/one").status, 404);
}

TEST_F(ImageStory, WhatANewImageReplacedIsCollected) {
  make_root("one");
  make_root("two");
  const auto first = upload("tool", bytes_of("one.tar"));
  ASSERT_EQ(first.status, 201) << first;
  ASSERT_EQ(upload("tool", bytes_of("two.tar")).status, 201);

  const auto early = api().post("/v1/images/gc");
  EXPECT_EQ(early.status, 200) << early;
  EXPECT_TRUE(early.items().empty()) << early;
  const auto would = api().post("/v1/images/gc", {{"dry_run", true}, {"grace_seconds", 0}});
  ASSERT_EQ(would.items().size(), 1u) << would;
  EXPECT_EQ(would.items()[0].at("digest"), json::value(first.string("digest")));
  EXPECT_EQ(folders().size(), 3u) << "a dry run";

  const auto collected = api().post("/v1/images/gc", {{"grace_seconds", 0}});
  ASSERT_EQ(collected.items().size(), 1u) << collected;
  ASSERT_TRUE(server_.task_completes(std::string(collected.items()[0].at("cleanup_task_id").as_string())));
  EXPECT_EQ(folders().size(), 2u);
  EXPECT_EQ(api().output(given_sandbox({{"image", "tool"}}), "cat /etc/mark"), "two\n");
}

}  // namespace
}  // namespace mayfly::test

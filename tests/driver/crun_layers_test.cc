#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/crun_world.h"
#include "driver/memory_stream.h"
#include "os/file.h"

namespace mayfly::test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CrunLayersTest : public CrunWorld {
 protected:
  /// A stopped sandbox whose layer the line has changed.
  LaunchSpec stopped_after(const std::string& line) {
    const auto sandbox = started();
    const auto outcome = inside(sandbox, line);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_TRUE(driver_->kill(sandbox.incarnation));
    EXPECT_TRUE(driver_->release(sandbox.incarnation));
    return sandbox;
  }
};

TEST_F(CrunLayersTest, DiscardsOnlyWithThePermitForThatLayer) {
  const auto sandbox = stopped_after("echo precious > /note");
  auto other = layer_of(sandbox);
  other.uid = fresh_uid();

  const auto refused = driver_->discard(layer_of(sandbox), DeletePermit::from_waiver(other, 1, EventId{"evt_1"}));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_TRUE(os::read_file(upper(sandbox) + "/note"));
}

TEST_F(CrunLayersTest, APermitDiesAtTheNextStart) {
  const auto first = stopped_after("echo one > /note");
  const auto permit = waiver(first);
  const auto second = started(2);
  ASSERT_TRUE(driver_->kill(second.incarnation));
  ASSERT_TRUE(driver_->release(second.incarnation));

  const auto refused = driver_->discard(layer_of(first), permit);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_TRUE(driver_->discard(layer_of(second), waiver(second)));
}

TEST_F(CrunLayersTest, NeverDiscardsWhatIsMounted) {
  const auto sandbox = started();

  const auto running = driver_->discard(layer_of(sandbox), waiver(sandbox));
  ASSERT_TRUE(driver_->kill(sandbox.incarnation));
  const auto killed = driver_->discard(layer_of(sandbox), waiver(sandbox));

  for (const auto& refused : {running, killed}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::busy);
  }
}

TEST_F(CrunLayersTest, FreesTheNameAtOnceAndTheBytesLater) {
  const auto sandbox = stopped_after("echo old > /note");
  ASSERT_TRUE(driver_->discard(layer_of(sandbox), waiver(sandbox)));

  const auto fresh = started(2);

  EXPECT_NE(inside(fresh, "cat /note").exit_code, 0);
  EXPECT_TRUE(driver_->erase(layer_of(sandbox)));
  EXPECT_TRUE(driver_->inspect(fresh.incarnation)->running);
}

TEST_F(CrunLayersTest, ErasesEveryDiscardedLayerOfThatName) {
  for (int generation : {1, 2}) {
    const auto sandbox = started(generation);
    inside(sandbox, "echo x > /note");
    ASSERT_TRUE(driver_->kill(sandbox.incarnation));
    ASSERT_TRUE(driver_->release(sandbox.incarnation));
    ASSERT_TRUE(driver_->discard(layer_of(sandbox), waiver(sandbox)));
  }

  ASSERT_TRUE(driver_->erase(layer_of(launch())));

  EXPECT_THAT(*driver_->inventory(), IsEmpty());
}

TEST_F(CrunLayersTest, TellsStrangersFromWhatItMakes) {
  const auto sandbox = started();
  const auto uid = hex(sandbox.incarnation.uid);
  const auto& data = layout_.data;
  const std::vector<std::string> half_made = {
      "images/.work-abc123",   "images/.gone-" + std::string(64, 'a'), "trash/" + uid + "-7",
      "trash/" + uid + "-7.3", "trash/" + uid + "-1.import",           "trash/" + uid + "-1.import.old"};
  for (const auto& path : half_made) ASSERT_TRUE(os::make_folders(data + "/" + path));
  EXPECT_THAT(*driver_->strangers(), IsEmpty());

  const std::vector<std::string> strange = {
      data + "/layers/lost+found", data + "/layers/" + uid + "/upper", data + "/run/" + uid,
      data + "/trash/bin",         data + "/images/busybox",           data + "/crun/mayfly-another-" + uid + "-1"};
  for (const auto& path : strange) ASSERT_TRUE(os::make_folders(path));

  EXPECT_THAT(*driver_->strangers(), ::testing::UnorderedElementsAreArray(strange));
  for (const auto& path : strange) ASSERT_TRUE(os::remove_tree(path));
}

TEST_F(CrunLayersTest, ErasesNothingOfALivingLayer) {
  const auto sandbox = stopped_after("echo precious > /note");

  ASSERT_TRUE(driver_->erase(layer_of(sandbox)));

  EXPECT_TRUE(os::read_file(upper(sandbox) + "/note"));
}

TEST_F(CrunLayersTest, ComesBackFromItsArchive) {
  const auto source = stopped_after(
      "echo text > /note; chown 12:34 /note; chmod 4711 /note; rm /etc/hosts; rm -r /home; mkdir -p /home/empty;"
      "ln -s nowhere /dangling; ln /note /same; mkdir /tmp/d; touch -d '2001-02-03 04:05:06' /tmp/d");
  StringSink tar, manifest;
  const auto exported = driver_->export_layer(layer_of(source), {}, tar, manifest);
  ASSERT_TRUE(exported) << exported.error().message;
  const auto copy = launch_of(fresh_uid());

  StringSource bytes(tar.text);
  const auto imported = driver_->import_layer(layer_of(copy), bytes);

  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->digest, exported->digest);
  ASSERT_TRUE(driver_->start(copy));
  EXPECT_EQ(inside(copy, "cat /note; stat -c '%u:%g %a %h' /note; ls /home; ls /etc/hosts 2>&1; readlink /dangling;"
                         "stat -c %Y /tmp/d").out,
            "text\n12:34 4711 2\nempty\nls: /etc/hosts: No such file or directory\nnowhere\n981173106\n");
}

TEST_F(CrunLayersTest, LeavesOutWhatIsNotWanted) {
  const auto sandbox = stopped_after("mkdir -p /var/cache && echo x > /var/cache/x && echo y > /y");
  StringSink tar, manifest;

  ASSERT_TRUE(driver_->export_layer(layer_of(sandbox), {"/var/cache"}, tar, manifest));

  EXPECT_THAT(manifest.text, ::testing::Not(HasSubstr("cache/x")));
  EXPECT_THAT(manifest.text, HasSubstr("\"y\""));
}

TEST_F(CrunLayersTest, HasNothingToExportOfNoLayer) {
  StringSink tar, manifest;

  EXPECT_EQ(driver_->export_layer(layer_of(launch()), {}, tar, manifest).error().code, Code::not_found);
}

TEST_F(CrunLayersTest, ATornImportLeavesNoLayer) {
  const auto source = stopped_after("head -c 300000 /dev/urandom > /big");
  StringSink tar, manifest;
  ASSERT_TRUE(driver_->export_layer(layer_of(source), {}, tar, manifest));
  const auto copy = launch_of(fresh_uid());

  StringSource torn(tar.text.substr(0, tar.text.size() / 2));
  const auto imported = driver_->import_layer(layer_of(copy), torn);

  EXPECT_FALSE(imported);
  EXPECT_FALSE(os::list_folder(layout_.layer(layer_of(copy))));
  StringSource whole(tar.text);
  EXPECT_TRUE(driver_->import_layer(layer_of(copy), whole));
}

TEST_F(CrunLayersTest, ImportsAgainOverAnImport) {
  const auto source = stopped_after("echo one > /one");
  StringSink tar, manifest;
  ASSERT_TRUE(driver_->export_layer(layer_of(source), {}, tar, manifest));
  const auto copy = launch_of(fresh_uid());

  for (int pass : {1, 2}) {
    StringSource bytes(tar.text);
    EXPECT_TRUE(driver_->import_layer(layer_of(copy), bytes)) << pass;
  }

  EXPECT_EQ(*os::read_file(upper(copy) + "/one"), "one\n");
}

TEST_F(CrunLayersTest, NeverImportsOverWhatALaterGenerationWrote) {
  const auto source = stopped_after("echo one > /one");
  StringSink tar, manifest;
  ASSERT_TRUE(driver_->export_layer(layer_of(source), {}, tar, manifest));
  const auto second = started(2);
  ASSERT_TRUE(driver_->kill(second.incarnation));
  StringSource mounted(tar.text), stopped(tar.text);

  EXPECT_EQ(driver_->import_layer(layer_of(second), mounted).error().code, Code::busy);
  ASSERT_TRUE(driver_->release(second.incarnation));
  EXPECT_EQ(driver_->import_layer(layer_of(second), stopped).error().code, Code::conflict);
}

}  // namespace mayfly::test

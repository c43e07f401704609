#include "core/advice.h"

#include <array>

#include "base/result.h"

namespace mayfly::reconcile {

namespace {

constexpr std::array all = {
    Advice{Trouble::unknown, Remedy::adopt,
           "it is stopped and recorded as orphan-... within a minute, kept for 24 h, then archived and deleted",
           "nothing, unless the database was restored from an older copy: then restore a newer one first",
           "records it, archives what it holds and deletes it now"},
    Advice{Trouble::old_generation, Remedy::settle, "it is removed in the next pass, within a minute", "nothing",
           "removes it now"},
    Advice{Trouble::should_not_run, Remedy::settle, "it is killed and removed in the next pass, within a minute",
           "nothing", "kills and removes it now"},
    Advice{Trouble::leftover, Remedy::adopt, "nothing: no permit covers these files, so they are kept",
           "look what they are; --fix takes them back into the record first",
           "takes the record back, archives what is left and deletes it"},
    Advice{Trouble::trash, Remedy::settle, "its bytes are deleted in the next pass, within a minute", "nothing",
           "deletes its bytes now"},
    Advice{Trouble::old_layer, Remedy::none, "nothing: no permit covers these files, so they are kept",
           "copy what you need out of that folder and remove it by hand", ""},
    Advice{Trouble::vanished, Remedy::settle,
           "it is recorded as lost in the next pass and stops; its files stay for its retention",
           "mayfly start SANDBOX runs it again on the files that it has", "records it as lost now"},
    Advice{Trouble::files_missing, Remedy::remove, "nothing until its deadline; a start of it would find no files",
           "bring its folder back, or restore an archive of it into a new one",
           "deletes the record; what is not there is archived no more"},
    Advice{Trouble::image_missing, Remedy::none, "nothing: sandboxes of it cannot start",
           "import or build the image again under the same name", ""},
    Advice{Trouble::stranger, Remedy::none, "nothing while the server runs",
           "see what it is and take it out of the data folder", ""},
    Advice{Trouble::clash, Remedy::none, "nothing", "stop and delete one of the two sandboxes", ""},
    Advice{Trouble::archive_missing, Remedy::remove_archive, "nothing until the archive's end",
           "bring the object back from a copy; --fix gives the archive up",
           "deletes the archive's record and the rest"},
    Advice{Trouble::archive_size, Remedy::remove_archive, "nothing until the archive's end",
           "bring the object back from a copy; --fix gives the archive up", "deletes the archive and its object"},
    Advice{Trouble::archive_damaged, Remedy::remove_archive, "nothing until the archive's end",
           "bring the object back from a copy, or download what is left; --fix gives the archive up",
           "deletes the archive and its damaged object", true},
    Advice{Trouble::stray_object, Remedy::remove_archive, "nothing: it is kept",
           "if the database is an older copy, restore a newer one: the object may be an archive that it forgot",
           "deletes the object through a record of its own"},
    Advice{Trouble::quarantined, Remedy::remove, "it is archived and deleted when its quarantine ends",
           "look into it while it is there; mount a volume to keep it", "archives and deletes it now"},
    Advice{Trouble::deadline_late, Remedy::none,
           "it is tried again every second; the server's log says what keeps it",
           "see the log; a full disk or a database that cannot be written are the usual causes", ""},
    Advice{Trouble::task_failed, Remedy::retry, "nothing: a failed task waits for a person",
           "mend what the error names, then mayfly cleanup retry TASK", "tries it again now"},
    Advice{Trouble::task_stuck, Remedy::retry, "it is tried again for ever, minutes apart",
           "mend what the error names", "tries it again now"},
    Advice{Trouble::tree_broken, Remedy::none, "nothing: no step of it is left to run",
           "this is a fault of Mayfly: report it with the output of mayfly cleanup tree TASK", ""},
    Advice{Trouble::dangling, Remedy::none, "nothing", "delete what names it, if nobody needs it any more", ""},
    Advice{Trouble::skipped, Remedy::dismiss, "nothing: a person took it upon themselves",
           "see that what the step should have removed is gone", "forgets that it was skipped"},
};

}  // namespace

const Advice& advise(Trouble trouble) {
  const auto& found = all[static_cast<std::size_t>(trouble)];
  CHECK(found.trouble == trouble);
  return found;
}

}  // namespace mayfly::reconcile

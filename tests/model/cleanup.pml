/* Two lives under one name, from create to the end: the start's late helper, the steps of the deletion path, archive and
 * permit, the record of each result under an epoch, and death at any moment with a worker that comes back from it.
 * Commits are atomic here; what a commit may become is in lifetime.pml.
 *
 * Checked are the properties at the end of the file, each by its name. A macro BROKEN_* takes one safety rule away;
 * tests/model/check.py asserts that the named property then fails.
 */

#ifndef DEATHS
#define DEATHS 1
#endif
#define MISHAPS 1     /* so many archives come out wrong, so many effects do nothing and nobody can tell */
#define LIVES   2
#define NOBODY  2
#define TORN    9     /* a version that is none */

/* The intent in a row: src/core/lifecycle.cc and the plan of src/core/cleanup.cc. Without an archive: a waiver. */
mtype = { unborn, starting, running, stop, archive, destroy, confirm, forget, gone };

typedef Row {
  mtype intent = unborn;
  byte claim;         /* the epoch of who is at it; 0: nobody */
  bit wanted;         /* the policy: archive before delete */
  bit permit;
  bit accepted;       /* ghost: the answer 202 has left */
}
Row row[LIVES];
byte epoch = 1;       /* src/app/installation.cc: next_epoch */
byte holder = NOBODY; /* who has the name */

/* The host. */
typedef Thing {
  bit container;
  bit bytes;
  byte version;       /* of its bytes */
  byte archived = TORN;  /* what the archive holds that gave the permit */
}
Thing thing[LIVES];
byte helper = NOBODY; /* a process that has been told to make this life's container, and has not ended */

/* Memory of one server: src/app/uid_locks.h. */
bit busy[LIVES];
bit up = 1;

byte deaths = 0;
byte mishaps = 0;

/* Ghosts. */
bit lost_bytes = 0;       /* destroyed with neither archive nor waiver */
bit touched_another = 0;

/* src/driver/crun: what is ended is what the incarnation says, never who has the name today. */
#ifdef BROKEN_BY_NAME
#define addressed(i) (holder != NOBODY -> holder : i)
#else
#define addressed(i) (i)
#endif

inline kill_container(i) {
  if :: addressed(i) != i && thing[addressed(i)].container -> touched_another = 1 :: else fi;
  thing[addressed(i)].container = 0
}

inline destroy_bytes(i) {
  if :: thing[i].bytes && row[i].wanted && thing[i].archived != thing[i].version -> lost_bytes = 1 :: else fi;
  thing[i].bytes = 0
}

/* src/app/worker.cc, record: written only where the claim is still of this epoch. Zero rows: I am a zombie. */
#ifdef BROKEN_EPOCH_SKIPPED
#define mine (1)
#else
#define mine (row[one].claim == me && row[one].intent == what)
#endif

inline put_down() {
  if :: me == epoch && up -> busy[one] = 0 :: else fi;
  one = 0; me = 0; copy = 0; what = unborn
}

inline record(next) {
  atomic {
    if :: mine -> row[one].intent = next; row[one].claim = 0 :: else fi;
    put_down()
  }
}

inline try_again() {
  atomic {
    if :: mine -> row[one].claim = 0 :: else fi;
    put_down()
  }
}

#ifdef BROKEN_NO_UID_LOCK
#define may_touch(i) (1)
#else
#define may_touch(i) (!busy[i])
#endif
#define is_an_intent(i) (row[i].intent != unborn && row[i].intent != running && row[i].intent != gone)
#define claimable(i) (up && is_an_intent(i) && row[i].claim == 0 && may_touch(i))

inline take(i) { one = i; me = epoch; what = row[i].intent; row[i].claim = epoch; busy[i] = 1 }

/* src/app/worker.cc with steps.cc and transitions.cc. A death leaves it where it stands: as a zombie it goes on with
 * its effect and its record, as a replica does that was only cut off. But it begins nothing, since helpers are fenced.
 */
proctype Worker() {
  byte one, me, copy;
  mtype what = unborn;
end:
  do
  :: atomic { what == unborn && claimable(0) -> take(0) }
  :: atomic { what == unborn && claimable(1) -> take(1) }
  :: atomic { what != unborn && (me != epoch || !up) -> put_down() }       /* or it is dead for good */
  :: what == starting ->
    if
    :: atomic { helper == NOBODY && me == epoch && up -> helper = one };
      (helper != one);
      record(running)
    :: (me != epoch || !up) -> record(running)         /* it was running already when the record got stuck */
    fi
  :: what == stop ->
    atomic { kill_container(one) };
    if
    :: row[one].wanted -> record(archive)
    :: else -> record(destroy)
    fi
  :: what == archive ->                                /* src/app/archiver.cc: a key of its own, read back, compared */
    if
    :: atomic { copy = thing[one].version }
    :: atomic { mishaps < MISHAPS -> mishaps++; copy = TORN }
    fi;
    if
#ifndef BROKEN_DELETE_BEFORE_VERIFY
    :: copy == TORN -> try_again()
#endif
    :: else ->
      atomic {
        if :: mine -> row[one].permit = 1; thing[one].archived = copy; row[one].intent = destroy; row[one].claim = 0
           :: else
        fi;
        put_down() }
    fi
  :: what == destroy ->
#ifdef BROKEN_RECORD_FIRST
    atomic { if :: mine -> row[one].intent = gone; row[one].claim = 0 :: else fi };
    atomic { destroy_bytes(one); put_down() }
#else
    if
    :: !row[one].wanted || row[one].permit ->          /* Driver::discard takes a permit */
      if
      :: atomic { destroy_bytes(one) }; record(confirm)
      :: atomic { mishaps < MISHAPS -> mishaps++ };    /* it did nothing, and its answer was lost */
#ifdef BROKEN_UNKNOWN_IS_DONE
        record(forget)
#else
        try_again()
#endif
      fi
    :: else -> try_again()
    fi
#endif
  :: what == confirm ->
    if
    :: thing[one].container || thing[one].bytes -> try_again()
    :: else -> record(forget)
    fi
  :: what == forget -> record(gone)
  od
}

/* A crun that was told to create: it may outlive the server that told it. What it makes was in no archive. */
active proctype Helper() {
end:
  do
  :: atomic { helper != NOBODY ->
      if
      :: thing[helper].container = 1; thing[helper].bytes = 1; thing[helper].version++
      :: !up -> skip                                   /* killed with its cgroup */
      fi;
      helper = NOBODY }
  od
}

/* kill -9, and a new life: src/main/engine.cc, src/main/data_folder.cc, src/app/installation.cc. */
active proctype Killer() {
  if
  :: atomic { deaths < DEATHS -> deaths++; up = 0 };
#ifdef BROKEN_FENCE_SKIPPED
    skip;
#else
    (helper == NOBODY);                                /* every helper of the life before has let go of the lock */
#endif
    atomic {
      epoch++;
      busy[0] = 0; busy[1] = 0;
#ifndef BROKEN_CLAIMS_KEPT
      if :: row[0].claim != epoch -> row[0].claim = 0 :: else fi;
      if :: row[1].claim != epoch -> row[1].claim = 0 :: else fi;
#endif
      up = 1 }
  :: skip
  fi
}

/* src/app/sandboxes.cc and deletion.cc: one transaction each. */
#ifdef BROKEN_NAME_TOO_EARLY
#define name_free (1)
#else
#define name_free (holder == NOBODY)
#endif

inline create(i) {
  atomic { up && name_free ->
    if :: row[i].wanted = 1 :: row[i].wanted = 0 fi;
    row[i].intent = starting;
    holder = i }
}

inline remove(i) {
  atomic { up ->
    row[i].intent = stop;
    row[i].claim = 0;
    row[i].accepted = 1;
    if :: holder == i -> holder = NOBODY :: else fi }
}

active proctype Client() {
  create(0);
  if :: remove(0) :: skip fi
}

active proctype Next() {
  (row[0].intent != unborn);
  if :: create(1) :: row[0].accepted == 0 -> skip fi
}

init { atomic { run Worker(); run Worker() } }

/* ARCHITECTURE.md, invariants; `name`: never two at once under one. */
#define alive(i) (row[i].intent == starting || row[i].intent == running)
#define keeps_C2 (!lost_bytes)
#define clean(i) (row[i].intent != gone || (!thing[i].container && !thing[i].bytes))
#define keeps_C3 (clean(0) && clean(1))
#define keeps_C4 (!row[0].accepted || (!alive(0) && row[0].intent != unborn))
#define keeps_C5 (!touched_another)
#define keeps_name (!(alive(0) && alive(1)))

ltl C2 { [] keeps_C2 }
ltl C3 { [] keeps_C3 }
ltl C4 { [] keeps_C4 }
ltl C5 { [] keeps_C5 }
ltl name { [] keeps_name }
ltl all_of_them { [] (keeps_C2 && keeps_C3 && keeps_C4 && keeps_C5 && keeps_name) }
ltl C1 { [] (row[0].accepted -> <> (row[0].intent == gone)) }

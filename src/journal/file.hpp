// The journal's files: a folder a database, in it one open file that sessions append to, and closed files that wait for
// the writer.
//
//   pgsql_tmp_lifeguard/pgsql_tmp_<database>/
//     open     appended to, under a shared flock where there is no gate in shared memory
//     <n>      closed: waits for the writer, the oldest first; removed when stored
//     writer   locked by the database's writer as long as it runs
//     off      the database has no extension: keep nothing (valid for ten minutes)
//     trouble  why the writer cannot store, for people
#pragma once

#include "journal/entry.hpp"
#include "pg/server.hpp"

namespace lifeguard::journal {

// A database's folder, below the data directory; for people, in the current memory.
char *folder_of(Oid database);

enum class Appended { kept, off, full, failed };

// Appends an entry to the database's open file. Never raises, allocates nothing, takes no server lock.
Appended append(Oid database, std::string_view entry);

// Whether the database was marked as one without the extension, not long ago.
bool is_off(Oid database);

// Who reads.

// A closed file that this process has opened for reading.
struct ClosedFile {
    char path[MAXPGPATH];
    int descriptor;
    pg_uuid_t id; // from its header; zeros when the header was lost
    off_t size;
};

// Whether a file's id was lost, or there is no file.
inline bool is_nil(const pg_uuid_t &id) {
    constexpr pg_uuid_t nil = {};
    return memcmp(&id, &nil, sizeof nil) == 0;
}

// Renames the open file to the next number, so that sessions begin another. False when there is nothing in it.
bool close_open_file(Oid database);

// Opens the oldest closed file, alone: sessions that still have it go to the open one. False when there is none.
bool open_closed_file(Oid database, ClosedFile *file);

// Reads a file's entries from an offset (0: the first entry) to its end. One at a time in a process: the buffer is
// static.
struct Reader {
    const ClosedFile *file;
    off_t offset;             // of what comes next: everything before it was returned or torn
    uint64 torn = 0;          // stretches that were no entries
    off_t begin = 0, end = 0; // what of the file is in memory
};

// The next entry, valid until the next call; false at the file's end. Raises when the file cannot be read.
bool next_entry(Reader *reader, Entry *entry);

// Forgets a file without removing it.
void release(ClosedFile *file);

// Empties and removes a file whose entries are stored.
void remove(ClosedFile *file);

// Whether entries wait, and how many bytes.
bool has_entries(Oid database);
uint64 bytes_waiting(Oid database);

// Becomes the database's only writer until this process ends; false when there is another.
bool lock_as_writer(Oid database);
void unlock_as_writer();
bool writer_runs(Oid database);

// Marks the database as without the extension; takes the mark away.
void turn_off(Oid database);
void turn_on(Oid database);

// Says why entries cannot be stored; nullptr: they can.
void set_trouble(Oid database, const char *why);
// The same read back, in the current memory; nullptr when there is none.
char *get_trouble(Oid database);

// Removes a database's folder.
void remove_folder(Oid database);

// Calls visit for each database with a folder.
void for_each_folder(void (*visit)(Oid database, void *argument), void *argument);

// The ids of the files in which entries wait now, at most `capacity`; zeros for one without a header.
int waiting_files(Oid database, pg_uuid_t *ids, int capacity);

} // namespace lifeguard::journal

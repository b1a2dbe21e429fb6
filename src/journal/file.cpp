#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "pg/uuid.hpp"
#include "journal/file.hpp"
#include "journal/settings.hpp"
#include "journal/shared.hpp"

namespace lifeguard::journal {

namespace {

// How a file begins.
struct Header {
    char magic[8];
    pg_uuid_t id;
    Oid database;
    uint32 unused;
    TimestampTz created;
};
constexpr char header_magic[9] = "LGJRNL01";
constexpr off_t first_entry = sizeof(Header);

constexpr time_t off_seconds = 600; // how long an `off` mark holds: a wrong one must not silence a database for good
constexpr mode_t file_mode = S_IRUSR | S_IWUSR;

using Path = char[MAXPGPATH];

// Names that begin so are left alone by restarts and left out by base backups; by pg_rewind only below a folder.
constexpr const char *folder_name = "pgsql_tmp_lifeguard";

// The path of a database's folder; server processes live in the data directory.
void folder_path(Path path, Oid database) {
    snprintf(path, MAXPGPATH, "%s/pgsql_tmp_%u", folder_name, database);
}

// The path of a file in it.
void path_of(Path path, Oid database, const char *name) {
    snprintf(path, MAXPGPATH, "%s/pgsql_tmp_%u/%s", folder_name, database, name);
}

// Tells the server about a descriptor of ours, so that its own limit still holds.
int remember(int descriptor) {
    if (descriptor >= 0)
        ReserveExternalFD();
    return descriptor;
}

// Closes one that the server knows of.
void forget(int *descriptor) {
    if (*descriptor >= 0) {
        close(*descriptor);
        ReleaseExternalFD();
    }
    *descriptor = -1;
}

// Makes what was written to a folder or file last.
void sync_path(const char *path) {
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
}

bool is_durable() {
    return durability == static_cast<int>(Durability::fsync);
}

// Makes the name of a database's open file last.
void sync_folders(Oid database) {
    Path folder;
    folder_path(folder, database);
    sync_path(folder);
    sync_path(folder_name);
    sync_path(".");
}

// --- closed files ---

// The number that a closed file has for a name; 0 for another file.
uint32 number_of(const char *name) {
    if (*name < '1' || *name > '9' || strlen(name) > 9 || name[strspn(name, "0123456789")] != '\0')
        return 0;
    return static_cast<uint32>(strtoul(name, nullptr, 10));
}

// Calls visit for each file in a database's folder.
void for_each_file(Oid database, void (*visit)(const char *name, void *argument), void *argument) {
    Path folder;
    folder_path(folder, database);
    DIR *const directory = opendir(folder);
    if (directory == nullptr)
        return;
    while (const dirent *file = readdir(directory))
        visit(file->d_name, argument);
    closedir(directory);
}

// The smallest number of a closed file that is larger than `after`, and the largest of all; 0: none.
struct Numbers {
    uint32 after, next, last;
};

Numbers closed_numbers(Oid database, uint32 after) {
    Numbers numbers = {after, 0, 0};
    for_each_file(
        database,
        [](const char *name, void *argument) {
            auto &found = *static_cast<Numbers *>(argument);
            const uint32 number = number_of(name);
            if (number > found.after && (found.next == 0 || number < found.next))
                found.next = number;
            if (number > found.last)
                found.last = number;
        },
        &numbers);
    return numbers;
}

// The path of a closed file.
void closed_path(Path path, Oid database, uint32 number) {
    char name[16];
    snprintf(name, sizeof name, "%u", number);
    path_of(path, database, name);
}

// Renames the open file to the next number: nobody opens it for appending any more.
bool put_away(Oid database) {
    Path from, to;
    path_of(from, database, "open");
    closed_path(to, database, closed_numbers(database, 0).last + 1);
    return rename(from, to) == 0;
}

// Whether sessions of the turn before this one are still writing.
bool is_busy(const Gate *gate) {
    return gate != nullptr && gate->appending[(gate->turn + 1) % 2] != 0;
}

// --- appending ---

// The open file of this process's database, kept from error to error, and in which turn of the gate it was opened.
int open_file = -1;
uint32 open_turn = 0;

// Makes an open file. Its header is complete before it has its name; of several who try at once one wins.
void create_open_file(Oid database) {
    Path folder, draft, path;
    char name[32];
    folder_path(folder, database);
    mkdir(folder_name, S_IRWXU);
    mkdir(folder, S_IRWXU);
    snprintf(name, sizeof name, "draft.%d", MyProcPid);
    path_of(draft, database, name);
    path_of(path, database, "open");

    const int descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file_mode);
    if (descriptor < 0)
        return;
    Header header = {};
    memcpy(header.magic, header_magic, sizeof header.magic);
    pg::draw_uuid(&header.id);
    header.database = database;
    header.created = GetCurrentTimestamp();
    const bool whole = write(descriptor, &header, sizeof header) == static_cast<ssize_t>(sizeof header);
    if (whole && is_durable())
        fsync(descriptor);
    close(descriptor);
    if (whole && link(draft, path) != 0)
        errno = 0; // somebody was first; or it cannot be done, as who opens the file will find out
    unlink(draft);
}

// Opens the database's open file for appending, and makes it when there is none.
Appended open_for_append(Oid database, const Gate *gate) {
    Path path;
    open_turn = gate == nullptr ? 0 : gate->turn.load(); // before it is opened: rather too early than too late
    path_of(path, database, "open");
    if (is_off(database))
        return Appended::off;
    for (int attempt = 0; attempt < 3; attempt++) {
        open_file = remember(open(path, O_WRONLY | O_APPEND | O_CLOEXEC));
        struct stat file, named;
        if (open_file >= 0 && fstat(open_file, &file) == 0 && file.st_size >= first_entry) {
            if (is_durable()) // also a file that a session made which is not
                sync_folders(database);
            return Appended::kept;
        }
        if (open_file < 0 && errno != ENOENT)
            return Appended::failed;
        // A file that lost its header with the power is put away by the one session that locks it, while the name is
        // still its own: a new one must not be, for others already write to that.
        if (open_file >= 0 && flock(open_file, LOCK_EX | LOCK_NB) == 0 && stat(path, &named) == 0 &&
            named.st_ino == file.st_ino)
            put_away(database);
        forget(&open_file);
        create_open_file(database);
    }
    return Appended::failed;
}

// Whether somebody has deleted the file that we have, folder and all. Looked at once a second: it costs as much as the
// writing, because after fstat() the kernel gives the next write() a time of its own.
bool is_deleted() {
    static TimestampTz looked = 0;
    const TimestampTz now = GetCurrentTimestamp();
    if (now >= looked && now - looked < USECS_PER_SEC)
        return false;
    looked = now;
    struct stat file;
    return fstat(open_file, &file) == 0 && file.st_nlink == 0;
}

// Keeps the file that we have from being stored before we have written to it; false when that may have happened. Where
// there is no gate, by a lock: the kernel's calls cost half as much as the writing.
bool enter(Gate *gate) {
    if (gate == nullptr)
        return flock(open_file, LOCK_SH | LOCK_NB) == 0;
    gate->appending[open_turn % 2]++;
    if (gate->turn == open_turn)
        return true;
    gate->appending[open_turn % 2]--;
    return false;
}

// We have written.
void leave(Gate *gate) {
    if (gate == nullptr)
        flock(open_file, LOCK_UN);
    else
        gate->appending[open_turn % 2]--;
}

// Writes an entry to the file that we have entered.
Appended write_entry(off_t size, std::string_view entry) {
    const off_t limit = static_cast<off_t>(journal_limit) * 1024 * 1024 / 2;
    if (size + static_cast<off_t>(entry.size()) > limit)
        return Appended::full;
    if (write(open_file, entry.data(), entry.size()) != static_cast<ssize_t>(entry.size()))
        return Appended::failed;
    if (is_durable() && fdatasync(open_file) != 0)
        return Appended::failed;
    return Appended::kept;
}

// --- reading ---

// Reads a file's header; false when it has none.
bool read_header(int descriptor, Header *header) {
    return pread(descriptor, header, sizeof *header, 0) == static_cast<ssize_t>(sizeof *header) &&
           memcmp(header->magic, header_magic, sizeof header->magic) == 0;
}

// Makes sure that nobody appends to a closed file. Who does, does it for microseconds, unless he was stopped: then not
// now.
bool lock_alone(Oid database, int descriptor) {
    const Gate *gate = gate_of(database);
    for (int attempt = 0; attempt < 200; attempt++) {
        if (!is_busy(gate) && flock(descriptor, LOCK_EX | LOCK_NB) == 0)
            return true;
        pg_usleep(attempt < 20 ? 100 : 5000);
    }
    return false;
}

// The writer's lock, held until the process ends.
int writer_lock = -1;

} // namespace

char *folder_of(Oid database) {
    Path folder;
    folder_path(folder, database);
    return pstrdup(folder);
}

bool is_off(Oid database) {
    Path path;
    struct stat mark;
    path_of(path, database, "off");
    if (stat(path, &mark) != 0)
        return false;
    const time_t age = time(nullptr) - mark.st_mtime; // negative when the clock was put back
    return age < off_seconds && age > -off_seconds;
}

Appended append(Oid database, std::string_view entry) {
    static Gate *const gate = gate_of(database); // a process has one database
    for (int attempt = 0; attempt < 10; attempt++) {
        if (open_file < 0) {
            const Appended opened = open_for_append(database, gate);
            if (opened != Appended::kept)
                return opened;
        }
        if (enter(gate)) {
            const off_t size = lseek(open_file, 0, SEEK_END); // of a file that was stored: 0
            const bool is_open = size >= first_entry && !is_deleted();
            const Appended result = is_open ? write_entry(size, entry) : Appended::failed;
            leave(gate);
            if (is_open)
                return result;
        }
        forget(&open_file);
    }
    return Appended::failed;
}

bool close_open_file(Oid database) {
    Path path;
    struct stat file;
    path_of(path, database, "open");
    if (stat(path, &file) != 0 || file.st_size <= first_entry)
        return false;
    Gate *gate = gate_of(database);
    if (is_busy(gate) || !put_away(database))
        return false;
    if (gate != nullptr)
        gate->turn++;
    return true;
}

bool open_closed_file(Oid database, ClosedFile *file) {
    for (uint32 number = 0; (number = closed_numbers(database, number).next) != 0;) {
        closed_path(file->path, database, number);
        file->descriptor = remember(open(file->path, O_RDWR | O_CLOEXEC));
        struct stat status;
        if (file->descriptor >= 0 && lock_alone(database, file->descriptor) && fstat(file->descriptor, &status) == 0) {
            Header header;
            file->size = status.st_size;
            file->id = read_header(file->descriptor, &header) ? header.id : pg_uuid_t{};
            return true;
        }
        if (file->descriptor < 0 && errno != ENOENT)
            set_trouble(database, psprintf("file %s cannot be opened: %m", file->path));
        forget(&file->descriptor);
    }
    return false;
}

bool next_entry(Reader *reader, Entry *entry) {
    static char bytes[1024 * 1024];

    Header header;
    if (reader->offset == 0 && read_header(reader->file->descriptor, &header))
        reader->offset = first_entry;
    for (;;) {
        if (reader->end < reader->file->size && reader->end - reader->offset < static_cast<off_t>(max_entry)) {
            const ssize_t size = pread(reader->file->descriptor, bytes, sizeof bytes, reader->offset);
            if (size < 0) // not the file's end: what is there must not be removed
                ereport(ERROR,
                        (errcode_for_file_access(), errmsg("could not read file \"%s\": %m", reader->file->path)));
            reader->begin = reader->offset;
            reader->end = reader->begin + size;
        }
        const std::string_view rest(bytes + (reader->offset - reader->begin),
                                    static_cast<size_t>(Max(reader->end - reader->offset, 0)));
        if (rest.empty())
            return false;
        size_t length = 0;
        const Decoded decoded = decode(rest, &length, entry);
        if (decoded == Decoded::incomplete)
            length = find_entry(rest, 1); // nobody writes to this file any more: it stays incomplete
        reader->offset += static_cast<off_t>(length);
        if (decoded == Decoded::entry)
            return true;
        reader->torn++;
    }
}

void release(ClosedFile *file) {
    forget(&file->descriptor);
}

void remove(ClosedFile *file) {
    // emptied first: sessions that still have it open would keep its space; and for good: what is stored and forgotten
    // must not come back after a loss of power
    if (ftruncate(file->descriptor, 0) != 0 || pg_fsync(file->descriptor) != 0)
        ereport(LOG, (errcode_for_file_access(), errmsg("could not empty file \"%s\": %m", file->path)));
    unlink(file->path);
    forget(&file->descriptor);
}

bool has_entries(Oid database) {
    Path path;
    struct stat file;
    path_of(path, database, "open");
    return (stat(path, &file) == 0 && file.st_size > first_entry) || closed_numbers(database, 0).last != 0;
}

uint64 bytes_waiting(Oid database) {
    uint64 sum = 0;
    Path path;
    struct stat file;
    path_of(path, database, "open");
    if (stat(path, &file) == 0 && file.st_size > first_entry)
        sum += static_cast<uint64>(file.st_size - first_entry);
    for (uint32 number = 0; (number = closed_numbers(database, number).next) != 0;) {
        closed_path(path, database, number);
        if (stat(path, &file) == 0 && file.st_size > first_entry)
            sum += static_cast<uint64>(file.st_size - first_entry);
    }
    return sum;
}

bool lock_as_writer(Oid database) {
    Path path;
    path_of(path, database, "writer");
    if (writer_lock < 0)
        writer_lock = remember(open(path, O_RDWR | O_CREAT | O_CLOEXEC, file_mode));
    // who only looks whether there is a writer holds it for a moment
    for (int attempt = 0; writer_lock >= 0 && attempt < 5; attempt++) {
        if (flock(writer_lock, LOCK_EX | LOCK_NB) == 0)
            return true;
        pg_usleep(10000);
    }
    forget(&writer_lock);
    return false;
}

void unlock_as_writer() {
    forget(&writer_lock);
}

bool writer_runs(Oid database) {
    Path path;
    path_of(path, database, "writer");
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const bool runs = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(descriptor);
    return runs;
}

void turn_off(Oid database) {
    Path path;
    path_of(path, database, "off");
    const int mark = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, file_mode);
    if (mark >= 0)
        close(mark);
    utime(path, nullptr);
}

void turn_on(Oid database) {
    Path path;
    path_of(path, database, "off");
    unlink(path);
}

void set_trouble(Oid database, const char *why) {
    Path path;
    path_of(path, database, "trouble");
    if (why == nullptr) {
        unlink(path);
        return;
    }
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file_mode);
    if (descriptor < 0)
        return;
    if (write(descriptor, why, strlen(why)) < 0)
        unlink(path);
    close(descriptor);
}

char *get_trouble(Oid database) {
    Path path;
    path_of(path, database, "trouble");
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return nullptr;
    char text[4096];
    const ssize_t size = read(descriptor, text, sizeof text);
    close(descriptor);
    return size <= 0 ? nullptr : pnstrdup(text, static_cast<Size>(size));
}

void remove_folder(Oid database) {
    Path folder;
    for_each_file(
        database,
        [](const char *name, void *argument) {
            Path path;
            path_of(path, *static_cast<Oid *>(argument), name);
            if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
                unlink(path);
        },
        &database);
    folder_path(folder, database);
    rmdir(folder);
}

void for_each_folder(void (*visit)(Oid database, void *argument), void *argument) {
    DIR *const directory = opendir(folder_name);
    if (directory == nullptr)
        return;
    while (const dirent *folder = readdir(directory)) {
        Oid database;
        char rest;
        if (sscanf(folder->d_name, "pgsql_tmp_%u%c", &database, &rest) == 1)
            visit(database, argument);
    }
    closedir(directory);
}

int waiting_files(Oid database, pg_uuid_t *ids, int capacity) {
    int count = 0;
    // the open file first: should it be closed meanwhile, it is seen twice, not never
    for (uint32 number = 0; count < capacity;) {
        Path path;
        Header header;
        struct stat file;
        if (number == 0)
            path_of(path, database, "open");
        else
            closed_path(path, database, number);
        const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        if (descriptor >= 0) {
            if (fstat(descriptor, &file) == 0 && file.st_size > first_entry)
                ids[count++] = read_header(descriptor, &header) ? header.id : pg_uuid_t{};
            close(descriptor);
        }
        number = closed_numbers(database, number).next;
        if (number == 0)
            break;
    }
    return count;
}

} // namespace lifeguard::journal

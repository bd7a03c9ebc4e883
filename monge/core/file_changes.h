// Changes of files and folders as in std::filesystem, but through file_system(), and with errors of this library.
#pragma once

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace monge {

/// Throws a SystemError that says what failed, where, and the system's reason, with a fix where one is known (a full
/// disk, a used-up quota, a file system that is read-only).
[[noreturn]] void throw_system_error(std::string_view what, const std::filesystem::path& where, int reason = errno);

/// Removes a file, a link or an empty folder. @return whether something was there. Something that is not there is no
/// failure.
bool remove_entry(const std::filesystem::path& path, std::error_code& failure);
/// @throws SystemError.
bool remove_entry(const std::filesystem::path& path);

/// Removes a file, or a folder and all in it; links are not followed. Something that is not there is no failure. After
/// a failure the rest is removed as far as possible, and the first reason is given.
void remove_tree(const std::filesystem::path& path, std::error_code& failure);
/// @throws SystemError.
void remove_tree(const std::filesystem::path& path);

/// Renames within a file system, and replaces an existing file or empty folder. Not durable before sync_folder() or
/// Files::publish.
void rename_entry(const std::filesystem::path& from, const std::filesystem::path& to, std::error_code& failure);
/// @throws SystemError.
void rename_entry(const std::filesystem::path& from, const std::filesystem::path& to);

/// Makes a folder in an existing one. @return whether it was made: false, without failure, if the folder was there.
bool make_folder(const std::filesystem::path& path, std::error_code& failure);

/// Makes a folder and those that lead to it. The names of new folders are made durable, so that what is saved in them
/// is not lost with them.
void make_folders(const std::filesystem::path& path, std::error_code& failure);
/// @throws SystemError.
void make_folders(const std::filesystem::path& path);

/// Makes a symbolic link at `path`.
void make_link(const std::filesystem::path& target, const std::filesystem::path& path, std::error_code& failure);

/// Cuts or extends a file.
void resize_file(const std::filesystem::path& path, int64_t bytes, std::error_code& failure);

/// Waits until the content of a file is on the disk. @throws SystemError.
void sync_file(const std::filesystem::path& path);

/// Waits until the names in a folder are on the disk. An empty path stands for the working folder. @throws SystemError.
void sync_folder(const std::filesystem::path& folder);

}  // namespace monge

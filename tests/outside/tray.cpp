/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tray: what a tray icon shows. Prints one JSON array of all products; touches no network.
 *
 *   tray [NAME=VALUE]...
 *
 * NAME=VALUE is an option of muster_set(3).
 */
#include <muster.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <cwchar>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
namespace {
struct FreeHandle {
	void operator()(struct muster *m) const noexcept { muster_free(m); }
};
struct FreeStatus {
	void operator()(struct muster_status *s) const noexcept { muster_status_free(s); }
};
using Handle = std::unique_ptr<struct muster, FreeHandle>;
using Status = std::unique_ptr<struct muster_status, FreeStatus>; // "struct": a function has the same name
struct Failure {
	int exit;
	std::string what;
};
[[noreturn]] void fail(const struct muster *m)
{
	std::string what = muster_error_name(m);
	what.append(": ").append(muster_error_text(m));
	if (std::string_view detail = muster_error_detail(m); !detail.empty())
		what.append(" (").append(detail).append(")");
	what.append(" ").append(muster_error_remedy(m));
	throw Failure{muster_error_exit(m), what};
}
// Quoted for JSON. The library does not promise UTF-8: what is not well formed becomes U+FFFD.
std::string json(std::string_view text)
{
	std::string out = "\"";
	std::mbstate_t none{};
	for (std::size_t n; !text.empty(); text.remove_prefix(n)) {
		const unsigned char c = static_cast<unsigned char>(text[0]);
		wchar_t wide;
		n = c < 0x80 ? 1 : std::mbrtowc(&wide, text.data(), text.size(), &none);
		if (n == 0 || n > text.size()) { // as mbrtowc tells of what is wrong or cut off
			out += "\\ufffd";
			none = std::mbstate_t{};
			n = 1;
		} else if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
			char escape[8];
			std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
			out += escape;
		} else {
			out.append(text.substr(0, n));
		}
	}
	return out += '"';
}
std::string date(long long seconds)
{
	const std::time_t t = static_cast<std::time_t>(seconds);
	std::tm tm{};
	char text[64];
	if (!gmtime_r(&t, &tm) || !std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return std::to_string(seconds);
	return text;
}
// What a person should be told of a product; "" for nothing.
std::string tell(const struct muster_status *s, int i)
{
	const std::string_view state = muster_status_state(s, i), id = muster_status_product(s, i);
	const std::string_view name = muster_status_name(s, i);
	std::string out;
	if (!muster_status_prompt(s, i) && state != "tampered")
		return out;
	out = name.empty() ? id : name;
	if (state == "tampered")
		out += ": what is stored about its license was changed.";
	else if (state == "grace")
		out += " has to be activated before " + date(muster_status_grace_ends(s, i)) + ".";
	else if (state == "licensed" || state == "overdue")
		out += ": the license ends at " + date(muster_status_expires(s, i)) + ".";
	else if (state == "unlicensed")
		out += " is not activated.";
	else
		out += ": the license has ended.";
	if (muster_status_error_number(s, i))
		out.append(" ").append(muster_status_error_text(s, i)).append(" ").append(muster_status_error_remedy(s, i));
	return out;
}
std::string product(const struct muster_status *s, int i)
{
	// An end of 0 is "perpetual" with a lease, and nothing without one: only the model tells which.
	const bool lease = *muster_status_model(s, i) != '\0';
	const long long expires = muster_status_expires(s, i);
	const std::string text = tell(s, i);
	std::string out = "{\"product\":" + json(muster_status_product(s, i)) + ",\"name\":" + json(muster_status_name(s, i)) +
		",\"state\":" + json(muster_status_state(s, i)) + ",\"perpetual\":" + (lease && !expires ? "true" : "false") +
		",\"expires\":" + (expires ? json(date(expires)) : "null") +
		",\"organisation\":" + (lease ? json(muster_status_org(s, i)) : "null") + ",\"plans\":[";
	for (int p = 0; p < muster_status_plans(s, i); p++)
		out += (p ? "," : "") + json(muster_status_plan(s, i, p));
	return out + "],\"tell\":" + (text.empty() ? "null" : json(text)) + "}";
}
void run(int argc, char **argv)
{
	const Handle m(muster_new());
	if (!std::setlocale(LC_CTYPE, "C.UTF-8"))
		throw Failure{EXIT_FAILURE, "there is no locale C.UTF-8"};
	if (!m)
		throw Failure{75, "out of memory"};
	for (int i = 1; i < argc; i++) {
		const std::string argument = argv[i];
		const std::size_t eq = argument.find('=');
		if (eq == std::string::npos)
			throw Failure{64, "usage: tray [NAME=VALUE]..."};
		if (muster_set(m.get(), argument.substr(0, eq).c_str(), argument.c_str() + eq + 1))
			fail(m.get());
	}
	struct muster_status *raw = nullptr;
	if (muster_status(m.get(), &raw))
		fail(m.get());
	const Status s(raw);
	std::string out = "[";
	for (int i = 0; i < muster_status_count(s.get()); i++)
		out += (i ? ",\n " : "") + product(s.get(), i);
	if (!(std::cout << out << "]\n" << std::flush))
		throw Failure{EXIT_FAILURE, "standard output could not be written"};
}

} // namespace

int main(int argc, char **argv)
try {
	run(argc, argv);
	return EXIT_SUCCESS;
} catch (const Failure &f) {
	std::cerr << "tray: " << f.what << '\n';
	return f.exit;
} catch (const std::exception &e) {
	std::cerr << "tray: " << e.what() << '\n';
	return EXIT_FAILURE;
}

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Verifies a bundle (`*.recant`) offline, with nothing but a Java 17 runtime:
 *
 *     java Verify.java FILE [--anchor DIR] [--key VKEY]... [--json]
 *
 * It follows the format and the rules in libs/verifier/README.md and shares no code with the TypeScript verifier. It reads the file once, from the
 * first byte to the last, in constant memory: one record, the frontier of one tree, a bounded number of sources, and a sort buffer that spills to a
 * temporary file.
 */
public final class Verify {
    static final int EXIT_SOUND = 0;
    static final int EXIT_FAILED = 1;
    static final int EXIT_USAGE = 2;
    static final int EXIT_UNSOUND = 6;

    private Verify() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, StandardCharsets.UTF_8);
        Options options = Options.parse(arguments);
        if (options == null) {
            System.err.println("usage: java Verify.java FILE [--anchor DIR] [--key VKEY]... [--json]\n       java Verify.java --batch LISTFILE");
            System.exit(EXIT_USAGE);
        }
        if (options.batch != null) {
            batch(options, out);
            return;
        }
        try {
            Verdict verdict = verify(options.file, options.anchor, options.keys);
            out.print(options.json ? verdict.json(options.file) + "\n" : verdict.text(options.file));
            if (verdict.broken != null) System.exit(EXIT_UNSOUND);
            if (options.anchor == null || verdict.anchors > 0) System.exit(EXIT_SOUND);
            System.err.println(verdict.anchorsNewer.isEmpty()
                ? "no checkpoint in " + options.anchor + " belongs to this file; pass the folder with checkpoints of this ledger and tenant"
                : "every checkpoint of this ledger in " + options.anchor + " is newer than this file; pass a folder with older checkpoints");
            System.exit(EXIT_FAILED);
        } catch (IOException cause) {
            System.err.println("cannot read: " + cause);
            System.exit(EXIT_FAILED);
        }
    }

    /** One line per bundle: file, then optionally a folder of anchors and keys, separated by tabs. `-` reads standard input and answers line by line. */
    private static void batch(Options options, PrintStream out) throws IOException {
        try (BufferedReader lines = options.batch.equals("-")
                ? new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))
                : Files.newBufferedReader(Path.of(options.batch))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] fields = line.split("\t", -1);
                String anchor = fields.length > 1 && !fields[1].isEmpty() ? fields[1] : options.anchor;
                List<String> keys = fields.length > 2 ? Arrays.asList(fields).subList(2, fields.length) : options.keys;
                try {
                    out.println(verify(fields[0], anchor, keys).json(fields[0]));
                } catch (IOException cause) {
                    out.println("{\"error\":" + quote(String.valueOf(cause)) + ",\"file\":" + quote(fields[0]) + "}");
                }
            }
        }
    }

    static Verdict verify(String file, String anchorDir, List<String> keys) throws IOException {
        List<Saved> saved = anchorDir == null ? List.of() : Anchors.read(Path.of(anchorDir));
        try (RecordReader reader = new RecordReader(Path.of(file)); Facts facts = new Facts()) {
            Reading reading = new Reading(reader, facts, saved, keys);
            try {
                return reading.read();
            } catch (Broken broken) {
                return Verdict.broken(broken);
            }
        }
    }

    private static final class Options {
        String file;
        String anchor;
        String batch;
        boolean json;
        final List<String> keys = new ArrayList<>();

        static Options parse(String[] arguments) {
            Options options = new Options();
            for (int at = 0; at < arguments.length; at += 1) {
                String value = at + 1 < arguments.length ? arguments[at + 1] : null;
                switch (arguments[at]) {
                    case "--json" -> options.json = true;
                    case "--anchor" -> { options.anchor = value; at += 1; }
                    case "--batch" -> { options.batch = value; at += 1; }
                    case "--key", "--vkey" -> {
                        if (value == null || Key.parse(value) == null) return null;
                        options.keys.add(value);
                        at += 1;
                    }
                    default -> {
                        if (arguments[at].startsWith("--") || options.file != null) return null;
                        options.file = arguments[at];
                    }
                }
            }
            return (options.file == null) == (options.batch == null) ? null : options;
        }
    }

    // ---------------------------------------------------------------------------------------------------------------------- rules

    /** The meaning of each rule; the texts of the table in libs/verifier/README.md. */
    static final Map<String, String> MEANINGS = new HashMap<>();

    static {
        String[] rules = {
            "version", "This is not a bundle, or its version is not supported by this verifier.",
            "truncated", "The file ends inside a record or before its signed statement: the rest was cut off or never written.",
            "format", "A record is malformed, too long or out of place: the file was damaged, or it was not written by a ledger.",
            "key_unknown", "A signature was made with a key that you did not name or that the file does not list: the signer is not the ledger you trust.",
            "signature_invalid", "A signature does not match the signed text: the text was changed after signing, or the signature is forged.",
            "origin_mismatch", "A checkpoint belongs to another log, tenant, ledger or epoch than the log it is stored with.",
            "index_gap", "An entry is missing, repeated or out of order: a log numbers its entries without gaps.",
            "size_mismatch", "The log has fewer or more entries than its checkpoint or manifest states: entries were cut off or added.",
            "frame_invalid", "The stored bytes are not a valid entry: they were overwritten.",
            "frame_tenant_mismatch", "The entry belongs to another tenant: it was moved here.",
            "received_at_falls", "An entry has an earlier time than the entry before it: entries were inserted later, or moved.",
            "genesis_missing", "The log does not begin with its genesis entry: its beginning was cut off or replaced.",
            "genesis_misplaced", "A genesis entry follows other entries: two logs were joined.",
            "shards_differ", "The logs of a tenant state different numbers of shards: some of its events were recorded in logs where nobody looks for them.",
            "epoch_invalid", "The entry that opens an epoch does not match the log before it: a restore was invented or hidden.",
            "made_too_early", "The bundle states that it was made before its newest entry was recorded: it was backdated, so that saved checkpoints would count as newer.",
            "event_invalid", "The ledger refuses events like this recorded one: it was changed, or inserted without the ledger.",
            "shard_mismatch", "The event belongs to another log of this tenant: it was moved.",
            "dead_letter_mismatch", "A refused message is missing, or does not match the description in its entry.",
            "checkpoint_inconsistent", "The ledger signed an earlier state of this log that these entries do not reproduce: history was changed after it was signed.",
            "root_mismatch", "The entries do not produce the root of the newest checkpoint: an entry was changed, added or removed.",
            "statement_invalid", "The signed statement does not describe this file: the file was changed, or the statement belongs to another file.",
            "trailing", "Bytes follow the signed statement, which ends a bundle.",
            "key_duplicate", "An event is recorded twice: an entry was copied without the ledger.",
            "anchor_ahead", "A checkpoint that you saved covers more entries than the log has now: the end of the log was cut off.",
            "anchor_differs", "A checkpoint that you saved has another root at the same size: the ledger showed you a different history then.",
        };
        for (int at = 0; at < rules.length; at += 2) MEANINGS.put(rules[at], rules[at + 1]);
    }

    /** Ends a verification with the first broken rule. Shard and index are −1 where the rule does not concern a log or an entry; an index is unsigned. */
    static final class Broken extends RuntimeException {
        private static final long serialVersionUID = 1;
        final String rule;
        final int shard;
        final long index;

        Broken(String rule, String detail, int shard, long index) {
            super(detail, null, false, false);
            this.rule = rule;
            this.shard = shard;
            this.index = index;
        }

        Broken(String rule, String detail) {
            this(rule, detail, -1, -1);
        }
    }

    record Warning(String rule, int shard, long index, String detail) {}

    /** Counts every warning and lists the first of each rule, ordered by place. */
    static final class Warnings {
        static final int LISTED_MAX = 100;
        final Map<String, Long> counts = new TreeMap<>();
        private final Map<String, TreeSet<Warning>> listed = new TreeMap<>();

        void add(String rule, int shard, long index, String detail) {
            counts.merge(rule, 1L, Long::sum);
            TreeSet<Warning> list = listed.computeIfAbsent(rule, unused -> new TreeSet<>(BY_PLACE));
            list.add(new Warning(rule, shard, index, detail));
            if (list.size() > LISTED_MAX) list.pollLast();
        }

        List<Warning> list() {
            return listed.values().stream().flatMap(Set::stream).sorted(BY_PLACE).toList();
        }

        private static final Comparator<Warning> BY_PLACE =
            Comparator.comparingInt(Warning::shard).thenComparingLong(Warning::index).thenComparing(Warning::rule).thenComparing(Warning::detail);
    }

    static final class Verdict {
        Broken broken;
        Warnings warnings = new Warnings();
        long logs, entries, events, deadLetters, checkpoints, anchors;
        List<String> keys = List.of();
        List<String> anchorsUnused = List.of();
        List<String> anchorsNewer = List.of();
        boolean keysGiven;
        String made;
        String query;

        static Verdict broken(Broken broken) {
            Verdict verdict = new Verdict();
            verdict.broken = broken;
            return verdict;
        }

        String json(String file) {
            StringBuilder text = new StringBuilder("{");
            if (broken != null) {
                text.append("\"detail\":").append(quote(broken.getMessage())).append(",\"file\":").append(quote(file));
                if (broken.index != -1) text.append(",\"index\":\"").append(Long.toUnsignedString(broken.index)).append('"');
                text.append(",\"meaning\":").append(quote(MEANINGS.get(broken.rule))).append(",\"rule\":").append(quote(broken.rule));
                if (broken.shard >= 0) text.append(",\"shard\":").append(broken.shard);
                return text.append(",\"sound\":false}").toString();
            }
            text.append("\"anchorsNewer\":").append(quoteAll(anchorsNewer)).append(",\"anchorsUnused\":").append(quoteAll(anchorsUnused));
            text.append(",\"counts\":{\"anchors\":").append(anchors).append(",\"checkpoints\":").append(checkpoints).append(",\"deadLetters\":")
                .append(deadLetters).append(",\"entries\":").append(entries).append(",\"events\":").append(events).append(",\"logs\":").append(logs);
            text.append("},\"file\":").append(quote(file)).append(",\"keys\":").append(quoteAll(keys)).append(",\"keysGiven\":").append(keysGiven);
            text.append(",\"made\":").append(quote(made)).append(",\"query\":").append(query);
            text.append(",\"sound\":true,\"warningCounts\":{");
            String comma = "";
            for (Map.Entry<String, Long> count : warnings.counts.entrySet()) {
                text.append(comma).append(quote(count.getKey())).append(':').append(count.getValue());
                comma = ",";
            }
            text.append("},\"warnings\":[");
            comma = "";
            for (Warning warning : warnings.list()) {
                text.append(comma).append("{\"detail\":").append(quote(warning.detail)).append(",\"index\":\"").append(warning.index).append("\",\"rule\":")
                    .append(quote(warning.rule)).append(",\"shard\":").append(warning.shard).append('}');
                comma = ",";
            }
            return text.append("]}").toString();
        }

        String text(String file) {
            StringBuilder text = new StringBuilder();
            if (broken != null) {
                text.append(file).append(": NOT SOUND, rule ").append(broken.rule);
                if (broken.shard >= 0) text.append(", log ").append(broken.shard);
                if (broken.index != -1) text.append(", entry ").append(Long.toUnsignedString(broken.index));
                return text.append("\n  ").append(MEANINGS.get(broken.rule)).append("\n  ").append(printable(broken.getMessage())).append('\n').toString();
            }
            text.append(file).append(": sound\n  ").append(logs).append(" logs, ").append(entries).append(" entries, ").append(events).append(" events, ")
                .append(deadLetters).append(" dead letters, ").append(checkpoints).append(" checkpoints, ").append(anchors).append(" anchors compared\n");
            text.append("  made ").append(made).append(", query ").append(query).append('\n');
            for (String key : keys) text.append("  signed by ").append(printable(key)).append('\n');
            if (!keysGiven) text.append("  No key was given: the file is consistent, but anybody could have made it. Pass the ledger's key with --key.\n");
            for (String name : anchorsUnused) text.append("  not compared, of another ledger or tenant or of fewer entries: ").append(printable(name)).append('\n');
            for (String name : anchorsNewer) text.append("  not compared, newer than this file: ").append(printable(name)).append('\n');
            for (Warning warning : warnings.list()) {
                text.append("  warning: ").append(warning.rule).append(", log ").append(warning.shard).append(", entry ").append(warning.index).append(": ")
                    .append(printable(warning.detail)).append('\n');
            }
            return text.toString();
        }
    }

    // ---------------------------------------------------------------------------------------------------------------------- the file

    static final byte[] MAGIC = "recant-bundle/v1\n".getBytes(StandardCharsets.US_ASCII);
    static final int RECORD_BYTES_MAX = 1_048_576;
    static final int HEADER_BYTES = 5;
    static final int INDEX_BYTES = 8;
    static final int LETTER_BYTES_MAX = RECORD_BYTES_MAX - INDEX_BYTES;
    static final int RECORD_DEPTH_MAX = 16;
    static final int KEYS_MAX = 16;
    static final int LOGS_MAX = 4_096;

    /** Splits the file into records, one at a time in one buffer. A length is checked before its bytes are read. */
    static final class RecordReader implements AutoCloseable {
        private static final int BUFFER_BYTES = 4 * RECORD_BYTES_MAX;
        private static final byte[] BUFFER = new byte[BUFFER_BYTES];
        private final FileChannel channel;
        private final byte[] buffer = BUFFER;
        private final MessageDigest hash = sha256();
        private int start;
        private int end;
        private int hashed;
        /** The last record read: its payload is `bytes()` from `at` to `to`. */
        char type;
        int at;
        int to;
        /** SHA-256 of every byte before the statement; set when the statement was read. */
        byte[] digest;

        RecordReader(Path file) throws IOException {
            channel = FileChannel.open(file, StandardOpenOption.READ);
        }

        byte[] bytes() {
            return buffer;
        }

        void begin() throws IOException {
            boolean whole = require(MAGIC.length);
            int found = Math.min(end, MAGIC.length);
            if (!Arrays.equals(buffer, 0, found, MAGIC, 0, found)) throw new Broken("version", "expected recant-bundle/v1 at the start of the file, got other bytes");
            if (!whole) throw truncated();
            start = MAGIC.length;
        }

        void next() throws IOException {
            if (!require(HEADER_BYTES)) throw truncated();
            type = (char) (buffer[start] & 0xff);
            if ("MKLPCEDS".indexOf(type) < 0) throw new Broken("format", "unknown record type 0x" + Integer.toHexString(type));
            long length = uint32(buffer, start + 1);
            if (length > RECORD_BYTES_MAX) throw new Broken("format", "expected at most " + RECORD_BYTES_MAX + " bytes in a record, got " + length);
            if (!require(HEADER_BYTES + (int) length)) throw truncated();
            at = start + HEADER_BYTES;
            to = at + (int) length;
            if (type == 'S' && digest == null) {
                hash.update(buffer, hashed, start - hashed);
                digest = hash.digest();
            }
            start = to;
        }

        boolean isAtEnd() throws IOException {
            return !require(1);
        }

        /** Whether the buffer has so many bytes from `start` on. */
        private boolean require(int count) throws IOException {
            if (end - start >= count) return true;
            if (start + count > BUFFER_BYTES) {
                if (digest == null) hash.update(buffer, hashed, start - hashed);
                System.arraycopy(buffer, start, buffer, 0, end - start);
                end -= start;
                start = 0;
                hashed = 0;
            }
            while (end - start < count) {
                int read = channel.read(ByteBuffer.wrap(buffer, end, BUFFER_BYTES - end));
                if (read < 0) return false;
                end += read;
            }
            return true;
        }

        private static Broken truncated() {
            return new Broken("truncated", "the file ends before its signed statement");
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    record Log(int shard, int shards, long epoch, long from, long size) {}

    /** The grammar of the file: which record may follow which. */
    static final class Reading {
        private final RecordReader reader;
        private final Facts facts;
        private final List<Saved> saved;
        private final List<String> given;
        private final Verdict verdict = new Verdict();
        private final List<String> vkeys = new ArrayList<>();
        private final Map<String, Key> trusted = new HashMap<>();
        private final Set<Integer> partial = new HashSet<>();
        private final EventCheck eventCheck = new EventCheck();
        private String ledger;
        private byte[] ledgerAndPlus;
        private String tenant;
        private String made;
        private long madeMs;
        private String queried;
        private boolean isOneLog;
        private final List<Log> logs = new ArrayList<>();
        private Senders senders;
        private Anchors anchors;
        private int opened;
        private LogCheck log;
        private Letter letter;

        Reading(RecordReader reader, Facts facts, List<Saved> saved, List<String> given) {
            this.reader = reader;
            this.facts = facts;
            this.saved = saved;
            this.given = given;
        }

        Verdict read() throws IOException {
            reader.begin();
            for (reader.next(); reader.type != 'S'; reader.next()) take();
            byte[] signed = statement();
            if (!Arrays.equals(signed, expectedStatement())) {
                throw new Broken("statement_invalid", "digest, counts, tenant or time of the signed statement differ from this file");
            }
            if (!reader.isAtEnd()) throw new Broken("trailing", "bytes follow the statement");
            senders.finish();
            new Judge(facts, partial, verdict.warnings).judge();
            anchors.finish(!isOneLog);
            verdict.anchors = anchors.compared;
            verdict.anchorsUnused = anchors.unused();
            verdict.anchorsNewer = List.copyOf(anchors.newer);
            verdict.keys = vkeys.stream().filter(vkey -> trusted.containsKey(keyIdOf(vkey))).toList();
            verdict.keysGiven = !given.isEmpty();
            verdict.made = made;
            verdict.query = queried;
            return verdict;
        }

        private void take() throws IOException {
            if (reader.type != 'D') endLetter();
            switch (reader.type) {
                case 'M' -> manifest();
                case 'K' -> key();
                case 'L' -> openLog();
                case 'P' -> start();
                case 'C' -> checkpoint();
                case 'E' -> entry();
                default -> deadLetter();
            }
        }

        private Json json(String what) {
            return Json.record(reader.bytes(), reader.at, reader.to, what);
        }

        private void manifest() {
            if (ledger != null) throw misplaced("M");
            Json value = json("the manifest");
            requireManifest(value.hasMembers("ledger", "logs", "made", "query", "tenant"), "members differ from those of the format");
            ledger = value.text("ledger");
            tenant = value.text("tenant");
            made = value.text("made");
            Json query = value.get("query");
            Json list = value.get("logs");
            requireManifest(ledger != null && !ledger.isEmpty() && tenant != null && !tenant.isEmpty(), "lacks a ledger or tenant");
            requireManifest(made != null && EventCheck.isTime(made) && query.kind == '{', "lacks a valid `made` or `query`");
            requireManifest(list.kind == '[' && list.items.size() <= LOGS_MAX, "lacks a list of at most " + LOGS_MAX + " logs");
            ledgerAndPlus = utf8(ledger + "+");
            for (Json item : list.items) logs.add(parseLog(item));
            query(query);
            for (Log one : logs) {
                int first = logs.get(0).shards;
                if (one.shards != first) throw new Broken("shards_differ", "expected " + first + " shards as in the first log, got " + one.shards, one.shard, -1);
            }
        }

        /** The bundle has exactly the logs and beginnings that its query names. */
        private void query(Json query) {
            isOneLog = query.get("shard") != null;
            boolean hasFrom = query.get("from") != null;
            requireManifest(isOneLog ? query.hasMembers("shard") || query.hasMembers("from", "shard") : query.hasMembers(), "has a query other than a shard and a first entry of it");
            long shard = isOneLog ? query.whole("shard", 0, LOGS_MAX - 1) : -1;
            long from = hasFrom ? decimal(query.text("from")) : 0;
            requireManifest((!isOneLog || shard >= 0) && from >= 0, "has a query with an invalid shard or `from`");
            boolean fits = !isOneLog || logs.size() == 1 && logs.get(0).shard == shard;
            for (Log one : logs) fits &= one.from == from;
            requireManifest(fits, "does not list exactly the logs of its query");
            queried = "{" + (hasFrom ? "\"from\":" + quote(Long.toString(from)) + "," : "") + (isOneLog ? "\"shard\":" + shard : "") + "}";
        }

        private Log parseLog(Json value) {
            requireManifest(value.hasMembers("epoch", "from", "origin", "shard", "shards", "size"), "has a log whose members differ from those of the format");
            long shards = value.whole("shards", 1, LOGS_MAX);
            long shard = value.whole("shard", 0, shards - 1);
            long epoch = value.whole("epoch", 1, Integer.MAX_VALUE);
            requireManifest(shards > 0 && shard >= 0 && epoch > 0, "has a log with an invalid shard, shards or epoch");
            long from = decimal(value.text("from"));
            long size = decimal(value.text("size"));
            requireManifest(from >= 0 && size >= from, "has a log with an invalid `from` or `size`");
            requireManifest(originOf((int) shard, epoch).equals(value.text("origin")), "has a log whose origin does not match its shard and epoch");
            requireManifest(logs.isEmpty() || logs.get(logs.size() - 1).shard < shard, "does not list its logs ascending by shard");
            return new Log((int) shard, (int) shards, epoch, from, size);
        }

        private String originOf(int shard, long epoch) {
            return ledger + "/" + percentEncode(tenant) + "/" + shard + "/e" + epoch;
        }

        private static void requireManifest(boolean holds, String detail) {
            if (!holds) throw new Broken("format", "the manifest " + detail);
        }

        private void key() {
            if (ledger == null || senders != null || vkeys.size() >= KEYS_MAX) throw misplaced("K");
            byte[] bytes = reader.bytes();
            int named = reader.at + ledgerAndPlus.length;
            String vkey = new String(bytes, reader.at, reader.to - reader.at, StandardCharsets.UTF_8);
            if (named > reader.to || !Arrays.equals(bytes, reader.at, named, ledgerAndPlus, 0, ledgerAndPlus.length) || vkeys.contains(vkey)) {
                throw new Broken("format", "expected distinct keys with the name " + ledger + ", got a duplicate or another name");
            }
            Key key = Key.parse(vkey);
            if (key == null) throw new Broken("format", "key: not an Ed25519 vkey of its name and id");
            vkeys.add(vkey);
            if (given.isEmpty() || given.contains(vkey)) trusted.put(key.id, key);
        }

        /** Called at the first record after the keys. */
        private void begin() {
            if (senders != null) return;
            if (ledger == null || vkeys.isEmpty()) throw misplaced(String.valueOf(reader.type));
            if (trusted.isEmpty()) throw new Broken("key_unknown", "expected one of the given keys, got " + String.join(", ", vkeys));
            senders = new Senders(facts);
            madeMs = Instant.parse(made).toEpochMilli();
            anchors = new Anchors(saved, trusted, ledger, ledger + "/" + percentEncode(tenant) + "/", madeMs);
        }

        private void openLog() {
            begin();
            closeLog();
            Json value = json("the record of a log");
            Log next = opened < logs.size() ? logs.get(opened) : null;
            if (next == null || !value.hasMembers("shard") || value.whole("shard", 0, LOGS_MAX) != next.shard) throw misplaced("L");
            opened += 1;
            verdict.logs += 1;
            log = new LogCheck(tenant, next, anchors.follow(originOf(next.shard, next.epoch), next.epoch, next.shard, next.from));
            if (next.from == 0) log.start(reader.bytes(), 0, 0);
            else partial.add(next.shard);
        }

        private void start() {
            if (log == null || log.isStarted) throw misplaced("P");
            if (reader.to - reader.at != 32 * Long.bitCount(log.log.from)) {
                throw new Broken("format", "expected the frontier of " + log.log.from + " entries, got another number of hashes", log.log.shard, -1);
            }
            log.start(reader.bytes(), reader.at, reader.to);
        }

        private void requireInLog(String type) {
            if (log == null || !log.isStarted) throw misplaced(type);
        }

        private long requireIndex(String what) {
            if (reader.to - reader.at < INDEX_BYTES) throw new Broken("format", what + " has no index", log.log.shard, -1);
            return int64(reader.bytes(), reader.at);
        }

        private void entry() throws IOException {
            requireInLog("E");
            long index = requireIndex("an entry");
            byte[] bytes = reader.bytes();
            Frame frame = log.entry(index, bytes, reader.at + INDEX_BYTES, reader.to, verdict.warnings);
            if (Long.compareUnsigned(frame.receivedAtMs, madeMs) > 0) {
                throw new Broken("made_too_early", "expected an entry of at most " + madeMs + " ms, got " + Long.toUnsignedString(frame.receivedAtMs) + " ms", log.log.shard, index);
            }
            verdict.entries += 1;
            if (frame.kind == Frame.EVENT) {
                verdict.events += 1;
                event(index, bytes, frame);
            } else if (frame.kind == Frame.DEAD_LETTER) {
                verdict.deadLetters += 1;
                letter = new Letter(log.log.shard, index, bytes, frame.bodyAt, reader.to);
            }
        }

        private void event(long index, byte[] bytes, Frame frame) throws IOException {
            int shard = log.log.shard;
            String invalid = eventCheck.check(bytes, frame.bodyAt, reader.to);
            if (invalid != null) throw new Broken("event_invalid", invalid, shard, index);
            if (senders.add(eventCheck.source, eventCheck.sequence, shard, index) && shardOf(tenant, eventCheck.source, log.log.shards) != shard) {
                throw new Broken("shard_mismatch", quote(eventCheck.source) + " belongs to another shard", shard, index);
            }
            facts.add(eventCheck, shard, index);
        }

        private void deadLetter() {
            requireInLog("D");
            long index = requireIndex("a dead letter");
            if (letter == null) throw new Broken("dead_letter_mismatch", "no entry describes the message at this index", log.log.shard, index);
            letter.add(index, reader.bytes(), reader.at + INDEX_BYTES, reader.to);
        }

        private void endLetter() {
            if (letter != null) letter.requireDone();
            letter = null;
        }

        private void checkpoint() {
            requireInLog("C");
            long place = log.size() - 1;
            int shard = log.log.shard;
            Checkpoint checkpoint = Checkpoint.open(reader.bytes(), reader.at, reader.to, trusted, "checkpoint", shard, place);
            long epoch = log.epoch != 0 ? log.epoch : epochOf(checkpoint.origin);
            if (!checkpoint.origin.equals(originOf(shard, epoch)) || checkpoint.isExtended) {
                throw new Broken("origin_mismatch", "expected a checkpoint of this log in epoch " + epoch + ", got one of " + quote(checkpoint.origin), shard, place);
            }
            log.epoch = epoch;
            if (checkpoint.size != log.size()) {
                throw new Broken("size_mismatch", "expected a checkpoint of " + log.size() + " entries, got one of " + checkpoint.size, shard, place);
            }
            if (log.signed == checkpoint.size) throw new Broken("format", "duplicate checkpoint of " + checkpoint.size + " entries", shard, place);
            log.signed = checkpoint.size;
            verdict.checkpoints += 1;
            byte[] root = log.tree.root();
            if (Arrays.equals(root, checkpoint.root)) return;
            String detail = "expected the root " + hex(checkpoint.root) + " of the checkpoint at " + checkpoint.size + " entries, got " + hex(root);
            throw new Broken(checkpoint.size == log.log.size ? "root_mismatch" : "checkpoint_inconsistent", detail, shard, place);
        }

        private void closeLog() {
            if (log == null) return;
            if (!log.isStarted) throw misplaced("end of a log");
            log.close();
            log = null;
        }

        /** @return the signed text */
        private byte[] statement() {
            endLetter();
            begin();
            closeLog();
            if (opened < logs.size()) throw new Broken("size_mismatch", "the log is missing", logs.get(opened).shard, -1);
            Json value = json("the envelope of the statement");
            Json list = value.hasMembers("payload", "payloadType", "signatures") ? value.get("signatures") : null;
            Json only = list != null && list.kind == '[' && list.items.size() == 1 ? list.items.get(0) : null;
            if (only == null || !only.hasMembers("keyid", "sig") || !PAYLOAD_TYPE.equals(value.text("payloadType")) || only.text("keyid") == null) {
                throw new Broken("format", "expected a DSSE envelope with one signature as statement");
            }
            byte[] payload = base64(value.text("payload"));
            byte[] signature = base64(only.text("sig"));
            if (payload == null || signature == null) throw new Broken("format", "the statement contains text that is not canonical base64");
            Key key = trusted.get(only.text("keyid"));
            if (key == null) throw new Broken("key_unknown", "the statement is signed with the unknown key " + quote(only.text("keyid")));
            byte[] head = utf8("DSSEv1 " + PAYLOAD_TYPE.length() + " " + PAYLOAD_TYPE + " " + payload.length + " ");
            if (!key.verifies(signature, head, payload)) throw new Broken("signature_invalid", "the signature of " + key.id + " does not match the statement");
            return payload;
        }

        private byte[] expectedStatement() {
            return utf8("{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{\"counts\":{\"checkpoints\":" + verdict.checkpoints + ",\"deadLetters\":"
                + verdict.deadLetters + ",\"entries\":" + verdict.entries + ",\"logs\":" + verdict.logs + "},\"made\":" + quote(made) + ",\"tenant\":" + quote(tenant)
                + "},\"predicateType\":\"https://recant.dev/bundle/v1\",\"subject\":[{\"digest\":{\"sha256\":\"" + hex(reader.digest) + "\"},\"name\":\"bundle\"}]}");
        }

        private static final String PAYLOAD_TYPE = "application/vnd.in-toto+json";

        private Broken misplaced(String type) {
            return new Broken("format", "unexpected record: " + type, log == null ? -1 : log.log.shard, -1);
        }
    }

    // ---------------------------------------------------------------------------------------------------------------------- a log

    /** An entry's bytes, version 1: uint8 1, uint8 kind, uint8 length and tenant, uint8 length and key id, uint64 receivedAt, body. */
    static final class Frame {
        static final int GENESIS = 0;
        static final int EVENT = 1;
        static final int DEAD_LETTER = 2;
        static final int EPOCH = 3;
        static final int BYTES_MAX = 65_535;
        int kind;
        int tenantAt;
        int tenantTo;
        long receivedAtMs;
        int bodyAt;

        boolean parse(byte[] bytes, int at, int to) {
            int length = to - at;
            if (length < 12 || length > BYTES_MAX || bytes[at] != 1 || bytes[at + 1] < GENESIS || bytes[at + 1] > EPOCH) return false;
            kind = bytes[at + 1];
            tenantAt = at + 3;
            tenantTo = tenantAt + (bytes[at + 2] & 0xff);
            if (tenantTo == tenantAt || tenantTo >= to) return false;
            int timeAt = tenantTo + 1 + (bytes[tenantTo] & 0xff);
            if (timeAt + 8 > to) return false;
            receivedAtMs = int64(bytes, timeAt);
            bodyAt = timeAt + 8;
            return true;
        }
    }

    /** Verifies one log, entry by entry. */
    static final class LogCheck {
        final Log log;
        final Tree tree = new Tree();
        /** Size of the newest checkpoint so far; −1 for none. */
        long signed = -1;
        /** 0 while unknown: the log's first entries are not here, and no checkpoint or epoch entry has stated it. */
        long epoch;
        boolean isStarted;
        private final String tenant;
        private final byte[] tenantBytes;
        private final AnchorWalk walk;
        private final Frame frame = new Frame();
        private long receivedAtMs;

        LogCheck(String tenant, Log log, AnchorWalk walk) {
            this.tenant = tenant;
            this.tenantBytes = utf8(tenant);
            this.log = log;
            this.walk = walk;
            this.epoch = log.from == 0 ? 1 : 0;
        }

        long size() {
            return tree.size;
        }

        void start(byte[] roots, int at, int to) {
            tree.start(log.from, roots, at, to);
            isStarted = true;
            walk.meet(tree, epoch);
        }

        Frame entry(long index, byte[] bytes, int at, int to, Warnings warnings) {
            if (index != tree.size) throw broken("index_gap", "expected entry " + tree.size + ", got " + Long.toUnsignedString(index), index);
            if (index == log.size) throw broken("size_mismatch", "expected " + log.size + " entries in this log, got entry " + index, index);
            if (!frame.parse(bytes, at, to)) throw broken("frame_invalid", "the bytes are not a frame", index);
            if (!Arrays.equals(bytes, frame.tenantAt, frame.tenantTo, tenantBytes, 0, tenantBytes.length)) {
                throw broken("frame_tenant_mismatch", "expected tenant " + quote(tenant) + ", got another", index);
            }
            if (Long.compareUnsigned(frame.receivedAtMs, receivedAtMs) < 0) {
                String detail = "expected receivedAt of at least " + Long.toUnsignedString(receivedAtMs) + " ms, got " + Long.toUnsignedString(frame.receivedAtMs) + " ms";
                throw broken("received_at_falls", detail, index);
            }
            receivedAtMs = frame.receivedAtMs;
            if (index == 0) requireGenesis(bytes, to);
            else if (frame.kind == Frame.GENESIS) throw broken("genesis_misplaced", "expected an entry that is not a genesis, got genesis", index);
            else if (frame.kind == Frame.EPOCH) openEpoch(bytes, to, index, warnings);
            tree.append(bytes, at, to);
            walk.meet(tree, epoch);
            return frame;
        }

        private void requireGenesis(byte[] bytes, int to) {
            byte[] body = utf8("{\"epoch\":1,\"shard\":" + log.shard + ",\"shards\":" + log.shards + ",\"tenant\":" + quote(tenant) + "}");
            if (frame.kind != Frame.GENESIS || !Arrays.equals(bytes, frame.bodyAt, to, body, 0, body.length)) {
                throw broken("genesis_missing", "expected a genesis entry of this log", 0);
            }
        }

        /** An epoch entry states its own place and the root before it. */
        private void openEpoch(byte[] bytes, int to, long index, Warnings warnings) {
            Json body = Json.canonical(bytes, frame.bodyAt, to, RECORD_DEPTH_MAX, true);
            Json previous = body == null || body.kind != '{' ? null : body.get("previous");
            boolean isWhole = body != null
                && (previous == null
                    ? body.hasMembers("epoch", "reason", "root", "shard", "shards", "start", "tenant")
                    : body.hasMembers("epoch", "previous", "reason", "root", "shard", "shards", "start", "tenant") && previous.hasMembers("origin", "root", "size"));
            boolean fits = isWhole && tenant.equals(body.text("tenant")) && body.text("reason") != null && hex(tree.root()).equals(body.text("root"))
                && body.whole("shard", log.shard, log.shard) >= 0 && body.whole("shards", log.shards, log.shards) >= 0 && body.whole("start", index, index) >= 0;
            long opened = fits ? body.whole("epoch", Math.max(epoch, 1) + 1, SAFE_MAX) : -1;
            if (opened < 0) throw broken("epoch_invalid", "expected an epoch after " + epoch + " that matches the log before it", index);
            warnings.add("epoch_opened", log.shard, index, "epoch " + opened + " begins after epoch " + (epoch == 0 ? "unknown" : epoch));
            epoch = opened;
        }

        void close() {
            long last = tree.size - 1;
            walk.epoch = log.epoch;
            if (tree.size != log.size) throw broken("size_mismatch", "expected " + log.size + " entries, got " + tree.size, last);
            if (log.size > 0 && signed != log.size) throw broken("size_mismatch", "the checkpoint of " + log.size + " entries is missing", last);
            if (epoch != 0 && epoch != log.epoch) throw broken("epoch_invalid", "expected the log to end in epoch " + log.epoch + ", got " + epoch, last);
        }

        private Broken broken(String rule, String detail, long index) {
            return new Broken(rule, detail, log.shard, index);
        }
    }

    /** RFC 6962: the frontier of a growing tree, as the roots of its complete subtrees, largest first. */
    static final class Tree {
        long size;
        private final byte[][] roots = new byte[64][];
        private int count;
        private final MessageDigest hash = sha256();

        void start(long size, byte[] bytes, int at, int to) {
            this.size = size;
            for (int from = at; from < to; from += 32) roots[count++] = Arrays.copyOfRange(bytes, from, from + 32);
        }

        void append(byte[] bytes, int at, int to) {
            hash.update((byte) 0);
            hash.update(bytes, at, to - at);
            byte[] node = hash.digest();
            for (long rest = size; (rest & 1) == 1; rest >>>= 1) node = parent(roots[--count], node);
            roots[count++] = node;
            size += 1;
        }

        byte[] root() {
            if (count == 0) return sha256().digest();
            byte[] node = roots[count - 1];
            for (int at = count - 2; at >= 0; at -= 1) node = parent(roots[at], node);
            return node;
        }

        private byte[] parent(byte[] left, byte[] right) {
            hash.update((byte) 1);
            hash.update(left);
            return hash.digest(right);
        }
    }

    /** Compares a refused message with the description in its entry. */
    static final class Letter {
        private final int shard;
        private final long index;
        private final String digest;
        private final MessageDigest hash = sha256();
        private long left;
        private boolean isDone;

        Letter(int shard, long index, byte[] bytes, int at, int to) {
            this.shard = shard;
            this.index = index;
            Json body = Json.canonical(bytes, at, to, RECORD_DEPTH_MAX, true);
            boolean isWhole = body != null && body.hasMembers("code", "detail", "digest", "origin", "size");
            left = isWhole ? body.whole("size", 0, SAFE_MAX) : -1;
            digest = isWhole ? body.text("digest") : null;
            if (left < 0) throw mismatch("the entry does not describe a message");
        }

        void add(long index, byte[] bytes, int at, int to) {
            if (index != this.index) throw mismatch("expected the message of entry " + this.index + ", got one of entry " + index);
            if (isDone || to - at != Math.min(left, LETTER_BYTES_MAX)) throw mismatch("the length of the message differs from its entry");
            hash.update(bytes, at, to - at);
            left -= to - at;
            isDone = left == 0;
            if (isDone && !hex(hash.digest()).equals(digest)) throw mismatch("the digest of the message differs from its entry");
        }

        void requireDone() {
            if (!isDone) throw mismatch("the message is missing or incomplete");
        }

        private Broken mismatch(String detail) {
            return new Broken("dead_letter_mismatch", detail, shard, index);
        }
    }

    // ---------------------------------------------------------------------------------------------------------------------- keys, notes, anchors

    /** A C2SP vkey of Ed25519. */
    static final class Key {
        private static final byte[] SPKI_PREFIX = HexFormat.of().parseHex("302a300506032b6570032100");
        final String id;
        private final PublicKey key;

        private Key(String id, PublicKey key) {
            this.id = id;
            this.key = key;
        }

        /** @return null where the text is not such a key */
        static Key parse(String vkey) {
            String[] fields = vkey.split("\\+", 3);
            if (fields.length != 3 || !isKeyName(fields[0]) || !fields[1].matches("[0-9a-f]{8}")) return null;
            byte[] bytes = base64(fields[2]);
            if (bytes == null || bytes.length != 33 || bytes[0] != 1) return null;
            MessageDigest hash = sha256();
            hash.update(utf8(fields[0] + "\n"));
            if (!hex(hash.digest(bytes)).startsWith(fields[1])) return null;
            if (isWeakPoint(Arrays.copyOfRange(bytes, 1, 33))) return null;
            byte[] spki = Arrays.copyOf(SPKI_PREFIX, SPKI_PREFIX.length + 32);
            System.arraycopy(bytes, 1, spki, SPKI_PREFIX.length, 32);
            try {
                return new Key(fields[0] + "+" + fields[1], KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(spki)));
            } catch (GeneralSecurityException cause) {
                return null;
            }
        }

        boolean verifies(byte[] signature, byte[]... message) {
            if (signature.length != 64 || isWeakPoint(Arrays.copyOf(signature, 32))) return false;
            try {
                Signature ed25519 = Signature.getInstance("Ed25519");
                ed25519.initVerify(key);
                for (byte[] piece : message) ed25519.update(piece);
                return ed25519.verify(signature);
            } catch (GeneralSecurityException cause) {
                return false;
            }
        }
    }

    private static final BigInteger FIELD = BigInteger.TWO.pow(255).subtract(BigInteger.valueOf(19));
    /** y of the points of order 1, 2, 4 and 8 (RFC 8032, edwards25519). */
    private static final Set<BigInteger> SMALL_ORDER = Set.of(
        BigInteger.ZERO,
        BigInteger.ONE,
        FIELD.subtract(BigInteger.ONE),
        new BigInteger("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16),
        new BigInteger("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", 16));

    /** Excludes points of small order and non-canonical encodings: with them one signature could match many texts, or one text have many signatures. */
    static boolean isWeakPoint(byte[] encoded) {
        byte[] y = new byte[32];
        for (int at = 0; at < 32; at += 1) y[at] = encoded[31 - at];
        y[0] &= 0x7f;
        BigInteger number = new BigInteger(1, y);
        return number.compareTo(FIELD) >= 0 || SMALL_ORDER.contains(number);
    }

    private static final Pattern NO_KEY_NAME = Pattern.compile("[\\p{IsWhite_Space}+\\x00-\\x1f]");

    static boolean isKeyName(String name) {
        return !name.isEmpty() && utf8(name).length <= 255 && !NO_KEY_NAME.matcher(name).find();
    }

    static String keyIdOf(String vkey) {
        String[] fields = vkey.split("\\+", 3);
        return fields[0] + "+" + fields[1];
    }

    /** A C2SP checkpoint in a C2SP signed note. */
    static final class Checkpoint {
        private static final int NOTE_BYTES_MAX = 1_000_000;
        private static final int SIGNATURES_MAX = 100;
        String origin;
        long size;
        byte[] root;
        boolean isExtended;

        static Checkpoint open(byte[] bytes, int at, int to, Map<String, Key> keys, String what, int shard, long index) {
            String all = to - at > NOTE_BYTES_MAX ? null : strictUtf8(bytes, at, to);
            int end = all == null ? -1 : all.lastIndexOf("\n\n");
            if (end < 0 || hasControl(all)) throw new Broken("format", what + ": not a signed note", shard, index);
            String text = all.substring(0, end + 1);
            Checkpoint checkpoint = new Checkpoint();
            if (!checkpoint.parse(text)) throw new Broken("format", what + ": expected an origin, a size and a root", shard, index);
            List<String[]> signatures = signatures(all.substring(end + 2));
            if (signatures == null) throw new Broken("format", what + ": malformed signature lines", shard, index);
            boolean isSigned = false;
            for (String[] signature : signatures) {
                Key key = keys.get(signature[0]);
                if (key == null) continue;
                byte[] raw = base64(signature[1]);
                if (!key.verifies(Arrays.copyOfRange(raw, 4, raw.length), utf8(text))) {
                    throw new Broken("signature_invalid", what + ": the signature of " + key.id + " does not match the text", shard, index);
                }
                isSigned = true;
            }
            if (!isSigned) throw new Broken("key_unknown", what + ": no signature of a known key", shard, index);
            return checkpoint;
        }

        private boolean parse(String text) {
            String[] lines = text.substring(0, text.length() - 1).split("\n", -1);
            if (lines.length < 3 || Arrays.asList(lines).contains("")) return false;
            origin = lines[0];
            size = decimal(lines[1]);
            root = base64(lines[2]);
            isExtended = lines.length > 3;
            return size >= 0 && root != null && root.length == 32;
        }

        /** Lines of an em dash, a name and base64 of key id and signature. @return `<name>+<key id>` and the base64 of each */
        private static List<String[]> signatures(String lines) {
            if (!lines.endsWith("\n")) return null;
            List<String[]> signatures = new ArrayList<>();
            for (String line : lines.substring(0, lines.length() - 1).split("\n", -1)) {
                String[] fields = line.split(" ", -1);
                byte[] raw = fields.length == 3 ? base64(fields[2]) : null;
                if (raw == null || raw.length <= 4 || !fields[0].equals("\u2014") || !isKeyName(fields[1]) || signatures.size() >= SIGNATURES_MAX) return null;
                signatures.add(new String[] {fields[1] + "+" + hex(Arrays.copyOf(raw, 4)), fields[2]});
            }
            return signatures;
        }

        private static boolean hasControl(String text) {
            return text.chars().anyMatch(character -> character < 0x20 && character != '\n');
        }
    }

    /** A checkpoint saved outside the ledger, with the modification time of its file. */
    record Saved(String name, byte[] note, long savedAtMs) {}

    /** @param isNewer saved after the bundle was made: it may cover entries that the bundle lacks */
    record Anchor(String name, long epoch, long size, byte[] root, boolean isNewer) {}

    static final class Anchors {
        private static final Pattern ORIGIN = Pattern.compile("(.+)/e([1-9][0-9]{0,9})", Pattern.DOTALL);
        private static final int ANCHORS_MAX = 100_000;
        /** Milliseconds that the clocks of the ledger and of the folder may differ. */
        private static final long CLOCK_SKEW_MS = 60_000;
        private final Map<String, List<Anchor>> byLog = new TreeMap<>();
        private final List<AnchorWalk> walks = new ArrayList<>();
        private final Set<String> unused = new TreeSet<>();
        /** Saved later, and not compared. */
        final Set<String> newer = new TreeSet<>();
        private final String within;
        long compared;

        /** Every file in the folder and its subfolders, or a single file. Skips `.draft` files, which an anchor's crash leaves. */
        static List<Saved> read(Path place) throws IOException {
            List<Saved> saved = new ArrayList<>();
            try (Stream<Path> files = Files.walk(place)) {
                for (Path file : files.filter(Files::isRegularFile).filter(file -> !file.toString().endsWith(".draft")).sorted().toList()) {
                    if (saved.size() >= ANCHORS_MAX) throw new IOException("expected at most " + ANCHORS_MAX + " anchors; pass only the newest checkpoint of each log");
                    if (Files.size(file) > RECORD_BYTES_MAX) throw new IOException(file + ": expected a checkpoint of at most " + RECORD_BYTES_MAX + " bytes");
                    String name = place.equals(file) ? file.toString() : place.relativize(file).toString();
                    saved.add(new Saved(name, Files.readAllBytes(file), Files.getLastModifiedTime(file).toMillis()));
                }
            }
            return saved;
        }

        Anchors(List<Saved> saved, Map<String, Key> keys, String ledger, String within, long madeMs) {
            this.within = within;
            for (Saved file : saved) {
                unused.add(file.name);
                byte[] note = file.note;
                int end = 0;
                while (end < note.length && note[end] != '\n') end += 1;
                var origin = ORIGIN.matcher(new String(note, 0, end, StandardCharsets.UTF_8));
                if (end == note.length || !origin.matches() || !origin.group(1).startsWith(ledger + "/")) continue;
                Checkpoint checkpoint = Checkpoint.open(note, 0, note.length, keys, file.name + ": checkpoint", -1, -1);
                boolean isNewer = file.savedAtMs > madeMs - CLOCK_SKEW_MS;
                byLog.computeIfAbsent(origin.group(1), log -> new ArrayList<>())
                    .add(new Anchor(file.name, Long.parseLong(origin.group(2)), checkpoint.size, checkpoint.root, isNewer));
            }
            for (List<Anchor> anchors : byLog.values()) anchors.sort(Comparator.comparingLong(Anchor::size));
        }

        AnchorWalk follow(String origin, long epoch, int shard, long from) {
            List<Anchor> found = byLog.remove(origin.substring(0, origin.lastIndexOf('/')));
            List<Anchor> anchors = found == null ? List.of() : found;
            noteNewer(anchors);
            // Entries of a later epoch replaced the anchored ones.
            AnchorWalk walk = new AnchorWalk(this,
                anchors.stream().filter(anchor -> anchor.size >= from && !(anchor.isNewer && anchor.epoch > epoch)).toList(), shard);
            walks.add(walk);
            return walk;
        }

        void used(Anchor anchor) {
            compared += 1;
            unused.remove(anchor.name);
            newer.remove(anchor.name);
        }

        /** Marks newer anchors as not compared; a comparison removes the mark. */
        private void noteNewer(List<Anchor> anchors) {
            for (Anchor anchor : anchors) if (anchor.isNewer) newer.add(anchor.name);
        }

        /** @param isWhole whether every log of the tenant must be present */
        void finish(boolean isWhole) {
            for (AnchorWalk walk : walks) walk.finish();
            for (Map.Entry<String, List<Anchor>> missing : byLog.entrySet()) {
                if (!isWhole || !missing.getKey().startsWith(within)) continue;
                noteNewer(missing.getValue());
                Anchor anchor = missing.getValue().stream().filter(each -> !each.isNewer).findFirst().orElse(null);
                if (anchor == null) continue;
                String detail = anchor.name + " covers " + anchor.size + " entries of the log " + missing.getKey() + ", which is missing";
                throw new Broken("anchor_ahead", detail, (int) decimal(missing.getKey().substring(within.length())), -1);
            }
        }

        List<String> unused() {
            return unused.stream().filter(name -> !newer.contains(name)).toList();
        }
    }

    /** Compares the anchors of one log while it is read. `finish` throws a difference, so that a rule broken inside the log is reported first. */
    static final class AnchorWalk {
        private final Anchors owner;
        private final List<Anchor> anchors;
        private final int shard;
        private int at;
        private Broken differs;
        private long size;
        private long epoch;

        AnchorWalk(Anchors owner, List<Anchor> anchors, int shard) {
            this.owner = owner;
            this.anchors = anchors;
            this.shard = shard;
        }

        void meet(Tree tree, long epoch) {
            this.size = tree.size;
            this.epoch = epoch;
            for (; at < anchors.size() && anchors.get(at).size == tree.size; at += 1) {
                Anchor anchor = anchors.get(at);
                // Entries that an epoch lost differ from those of the next epoch at the same indexes.
                if (anchor.epoch < epoch) continue;
                owner.used(anchor);
                if (Arrays.equals(anchor.root, tree.root()) || differs != null) continue;
                String detail = "expected the root " + hex(anchor.root) + " of " + anchor.name + " at " + tree.size + " entries, got " + hex(tree.root());
                differs = new Broken("anchor_differs", detail, shard, tree.size - 1);
            }
        }

        void finish() {
            if (differs != null) throw differs;
            for (; at < anchors.size(); at += 1) {
                Anchor anchor = anchors.get(at);
                if (anchor.epoch < epoch || anchor.isNewer) continue;
                String detail = anchor.name + " covers " + anchor.size + " entries in epoch " + anchor.epoch + "; the log has " + size;
                throw new Broken("anchor_ahead", detail, shard, size);
            }
        }
    }

    // ---------------------------------------------------------------------------------------------------------------------- JSON

    static final long SAFE_MAX = (1L << 53) - 1;

    /** A value of canonical JSON (RFC 8785), and its bytes. Kinds: `{ [ " 0` (a number), `t f n`. */
    static final class Json {
        private static final List<String> NO_KEYS = List.of();
        final char kind;
        int from;
        int to;
        /** Text of a string, token of a number. */
        String text;
        List<String> keys = NO_KEYS;
        List<Json> items = List.of();

        private Json(char kind) {
            this.kind = kind;
        }

        /** @return null where the bytes are not canonical JSON or are nested too deep; the depth is checked while parsing */
        static Json canonical(byte[] bytes, int at, int to, int depthMax, boolean mayHoldNul) {
            Parser parser = new Parser(bytes, at, to, mayHoldNul);
            Json value = parser.value(depthMax);
            return value != null && parser.at == to ? value : null;
        }

        static Json record(byte[] bytes, int at, int to, String what) {
            Json value = canonical(bytes, at, to, RECORD_DEPTH_MAX, true);
            if (value == null || value.kind != '{') throw new Broken("format", what + " is not a canonical JSON object");
            return value;
        }

        Json get(String key) {
            int at = keys.indexOf(key);
            return at < 0 ? null : items.get(at);
        }

        /** The text of a string member; null where the member is absent or no string. */
        String text(String key) {
            Json value = get(key);
            return value != null && value.kind == '"' ? value.text : null;
        }

        /** A whole number within the bounds; −1 where the member is not one. */
        long whole(String key, long min, long max) {
            Json value = get(key);
            return value == null ? -1 : value.whole(min, max);
        }

        long whole(long min, long max) {
            if (kind != '0' || text.length() > 16 || text.charAt(0) == '-' || text.indexOf('.') >= 0 || text.indexOf('e') >= 0) return -1;
            long number = Long.parseLong(text);
            return number >= min && number <= max ? number : -1;
        }

        /** @param names ascending, like the members of canonical JSON */
        boolean hasMembers(String... names) {
            return kind == '{' && keys.equals(Arrays.asList(names));
        }

        private static final class Parser {
            private final byte[] bytes;
            private final int to;
            private final boolean mayHoldNul;
            int at;

            Parser(byte[] bytes, int at, int to, boolean mayHoldNul) {
                this.bytes = bytes;
                this.at = at;
                this.to = to;
                this.mayHoldNul = mayHoldNul;
            }

            Json value(int depthLeft) {
                int from = at;
                Json value = switch (peek()) {
                    case '{' -> depthLeft == 0 ? null : object(depthLeft - 1);
                    case '[' -> depthLeft == 0 ? null : array(depthLeft - 1);
                    case '"' -> string();
                    case 't' -> word("true");
                    case 'f' -> word("false");
                    case 'n' -> word("null");
                    default -> number();
                };
                if (value == null) return null;
                value.from = from;
                value.to = at;
                return value;
            }

            private int peek() {
                return at < to ? bytes[at] & 0xff : -1;
            }

            private Json object(int depthLeft) {
                Json object = new Json('{');
                at += 1;
                if (peek() == '}') return closed(object);
                object.keys = new ArrayList<>();
                object.items = new ArrayList<>();
                for (String last = null; ; at += 1) {
                    Json key = peek() == '"' ? string() : null;
                    // Strictly ascending by UTF-16 code units, which also excludes duplicate names.
                    if (key == null || peek() != ':' || (last != null && last.compareTo(key.text) >= 0)) return null;
                    last = key.text;
                    at += 1;
                    Json value = value(depthLeft);
                    if (value == null) return null;
                    object.keys.add(key.text);
                    object.items.add(value);
                    if (peek() == '}') return closed(object);
                    if (peek() != ',') return null;
                }
            }

            private Json array(int depthLeft) {
                Json array = new Json('[');
                at += 1;
                if (peek() == ']') return closed(array);
                array.items = new ArrayList<>();
                for (; ; at += 1) {
                    Json value = value(depthLeft);
                    if (value == null) return null;
                    array.items.add(value);
                    if (peek() == ']') return closed(array);
                    if (peek() != ',') return null;
                }
            }

            private Json closed(Json value) {
                at += 1;
                return value;
            }

            private Json word(String word) {
                for (int n = 0; n < word.length(); n += 1, at += 1) if (peek() != word.charAt(n)) return null;
                return new Json(word.charAt(0));
            }

            private Json string() {
                int from = at + 1;
                for (int index = from; index < to; index += 1) {
                    byte next = bytes[index];
                    if (next == '"') {
                        Json value = new Json('"');
                        value.text = new String(bytes, from, index - from, StandardCharsets.ISO_8859_1);
                        at = index + 1;
                        return value;
                    }
                    // Negative is outside ASCII.
                    if (next < 0x20 || next == '\\') return longString(from);
                }
                return null;
            }

            /** A string with escapes or outside ASCII. */
            private Json longString(int from) {
                StringBuilder text = new StringBuilder();
                int index = from;
                while (index < to && bytes[index] != '"') {
                    int start = index;
                    while (index < to && bytes[index] != '"' && bytes[index] != '\\') {
                        if (bytes[index] >= 0 && bytes[index] < 0x20) return null;
                        index += 1;
                    }
                    String plain = strictUtf8(bytes, start, index);
                    if (plain == null) return null;
                    text.append(plain);
                    if (index >= to || bytes[index] == '"') break;
                    int escaped = escape(index + 1);
                    if (escaped < 0) return null;
                    text.append((char) escaped);
                    index += bytes[index + 1] == 'u' ? 6 : 2;
                }
                if (index >= to) return null;
                Json value = new Json('"');
                value.text = text.toString();
                at = index + 1;
                return value;
            }

            /** The seven escapes of RFC 8785, and `u00xx` in lower case for the other control characters. */
            private int escape(int index) {
                if (index >= to) return -1;
                switch (bytes[index]) {
                    case '"': return '"';
                    case '\\': return '\\';
                    case 'b': return '\b';
                    case 'f': return '\f';
                    case 'n': return '\n';
                    case 'r': return '\r';
                    case 't': return '\t';
                    case 'u': break;
                    default: return -1;
                }
                if (index + 5 > to || bytes[index + 1] != '0' || bytes[index + 2] != '0') return -1;
                int high = bytes[index + 3] - '0';
                int low = "0123456789abcdef".indexOf(bytes[index + 4]);
                if ((high != 0 && high != 1) || low < 0) return -1;
                int code = high * 16 + low;
                boolean hasShortForm = code == 8 || code == 9 || code == 10 || code == 12 || code == 13;
                return hasShortForm || (code == 0 && !mayHoldNul) ? -1 : code;
            }

            private Json number() {
                int from = at;
                while (at < to && at - from < 26 && "0123456789+-.e".indexOf(bytes[at]) >= 0) at += 1;
                if (at == from) return null;
                Json value = new Json('0');
                value.text = new String(bytes, from, at - from, StandardCharsets.US_ASCII);
                return isCanonicalNumber(value.text) ? value : null;
            }
        }
    }

    static boolean isCanonicalNumber(String token) {
        boolean isPlain = token.length() <= 15;
        for (int at = 0; at < token.length() && isPlain; at += 1) isPlain = token.charAt(at) >= '0' && token.charAt(at) <= '9';
        if (isPlain) return token.length() == 1 || token.charAt(0) != '0';
        try {
            double number = Double.parseDouble(token);
            return !Double.isInfinite(number) && formatNumber(number).equals(token);
        } catch (NumberFormatException cause) {
            return false;
        }
    }

    /** ECMAScript's Number::toString: the fewest digits that round-trip, and of those the nearest. Java 17's own output sometimes has one digit more. */
    static String formatNumber(double number) {
        if (number == 0) return "0";
        if (number < 0) return "-" + formatNumber(-number);
        BigDecimal exact = new BigDecimal(number);
        BigDecimal shortest = null;
        for (int digits = 1; digits <= 17 && shortest == null; digits += 1) {
            BigDecimal below = exact.round(new MathContext(digits, RoundingMode.DOWN));
            BigDecimal above = exact.round(new MathContext(digits, RoundingMode.UP));
            boolean isBelow = below.doubleValue() == number;
            boolean isAbove = above.doubleValue() == number;
            if (isBelow && isAbove) shortest = exact.subtract(below).compareTo(above.subtract(exact)) <= 0 ? below : above;
            else if (isBelow || isAbove) shortest = isBelow ? below : above;
        }
        shortest = shortest.stripTrailingZeros();
        String digits = shortest.unscaledValue().toString();
        int point = digits.length() - shortest.scale();
        if (point > 21 || point <= -6) {
            int exponent = point - 1;
            String tail = digits.length() == 1 ? "" : "." + digits.substring(1);
            return digits.charAt(0) + tail + "e" + (exponent < 0 ? "-" : "+") + Math.abs(exponent);
        }
        if (point <= 0) return "0." + "0".repeat(-point) + digits;
        if (point >= digits.length()) return digits + "0".repeat(point - digits.length());
        return digits.substring(0, point) + "." + digits.substring(point);
    }

    // ---------------------------------------------------------------------------------------------------------------------- events

    /** Checks that bytes are an event of version 1: closed shapes, bounded names, the id derived from its data. After `check`, its fields are set. */
    static final class EventCheck {
        private static final int EVENT_BYTES_MAX = 65_000;
        private static final int EVENT_DEPTH_MAX = 32;
        private static final int NAME_BYTES_MAX = 256;
        private static final int REASON_BYTES_MAX = 1_024;
        private static final int RESOURCE_BYTES_MAX = 1_024;
        private static final int INLINE_BYTES_MAX = 8_192;
        private static final int PART_BYTES_MAX = 524_288;
        private static final int MESSAGE_BYTES_MAX = 2_048;
        private static final int VERSION_BYTES_MAX = 128;
        private static final int RESOURCES_MAX = 256;
        private static final int LABELS_MAX = 64;
        private static final int CHUNKS_MAX = 100_000;
        private static final long COUNT_MAX = Integer.MAX_VALUE;
        private static final long DURATION_MS_MAX = 31_622_400_000L;

        /** Forms: `0` is a digit, `f` a hexadecimal digit, `v` the variant of RFC 9562; any other character is literal. */
        private static final String UUID_V7 = "ffffffff-ffff-7fff-vfff-ffffffffffff";
        private static final String HEX_64 = "f".repeat(64);
        private static final String SEQUENCE = "0".repeat(16);
        private static final String TIME = "0000-00-00T00:00:00.000Z";

        private static final Pattern SYSTEM = Pattern.compile("[a-z][a-z0-9-]{0,31}://[A-Za-z0-9][A-Za-z0-9._-]{0,63}/");
        private static final String PATH = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~!$&'()+,;=:@/-";
        private static final boolean[] IN_PATH = new boolean[128];

        static {
            for (char character : PATH.toCharArray()) IN_PATH[character] = true;
        }

        private static final Pattern NEEDLESS = Pattern.compile("%(?:3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|2D|5F|7E)");
        private static final Pattern DOT_SEGMENT = Pattern.compile("/\\.{1,2}(?:/|\\z)");
        private static final Pattern CONNECTOR = Pattern.compile("[a-z][a-z0-9-]{0,31}");
        private static final Pattern ORDINAL = Pattern.compile("0|[1-9][0-9]{0,38}");
        private static final Pattern SALT = Pattern.compile("[A-Za-z0-9_-]{21}[AQgw]");
        private static final Pattern RECORD_ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,127}");
        private static final Pattern SYSTEM_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
        private static final Pattern TRANSACTION = Pattern.compile("(?:0|[1-9][0-9]{0,9})/(?:0|[1-9][0-9]{0,19})");
        private static final Pattern TRACEPARENT = Pattern.compile("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}");
        private static final Pattern TRACESTATE = Pattern.compile("[\\x20-\\x7e]{1,512}");
        private static final Pattern HEARTBEAT = Pattern.compile("heartbeat\\.(?:0|[1-9][0-9]{0,15})");

        /** A requirement on a value; the exception names the value. */
        private static final class Refused extends RuntimeException {
            private static final long serialVersionUID = 1;

            Refused(String detail) {
                super(detail, null, false, false);
            }
        }

        String source;
        long sequence;
        String id;
        /** A kind of `Facts`. */
        int kind;
        String attempt;
        /** Attempt, system and transaction of an observed event. */
        String transaction;
        long chunk;
        long chunks;
        long effects;
        String digestHex;
        private final byte[] effectsHash = new byte[32];
        private final MessageDigest hash = sha256();

        byte[] effectsHash() {
            return effectsHash;
        }

        /** @return why the bytes are not an event; null where they are one */
        String check(byte[] bytes, int at, int to) {
            if (to - at > EVENT_BYTES_MAX) return "expected at most " + EVENT_BYTES_MAX + " bytes, got " + (to - at);
            Json event = Json.canonical(bytes, at, to, EVENT_DEPTH_MAX, false);
            if (event == null || event.kind != '{') return "expected an object of canonical JSON, at most " + EVENT_DEPTH_MAX + " levels deep";
            try {
                envelope(event, bytes);
                return null;
            } catch (Refused refused) {
                return refused.getMessage();
            }
        }

        private void envelope(Json event, byte[] bytes) {
            shape(event, "agent data id sequence source specversion time type", "traceparent tracestate", "$");
            name(event, "agent");
            id = name(event, "id");
            source = name(event, "source");
            require("1.0".equals(event.text("specversion")), "specversion");
            require(isTime(string(event, "time")), "time");
            String digits = string(event, "sequence");
            sequence = hasForm(digits, SEQUENCE) ? Long.parseLong(digits) : 0;
            require(sequence >= 1 && sequence <= SAFE_MAX, "sequence");
            if (event.get("traceparent") != null) matches(event, "traceparent", TRACEPARENT);
            if (event.get("tracestate") != null) matches(event, "tracestate", TRACESTATE);
            Json data = event.get("data");
            kind = Facts.OTHER;
            require(idOf(string(event, "type"), data, bytes), "id");
        }

        /** Checks the data of a type. @return whether the id matches the data */
        private boolean idOf(String type, Json data, byte[] bytes) {
            switch (type) {
                case "recant.attempt.intended.v1":
                    kind = Facts.INTENDED;
                    intended(data);
                    return id.equals(attempt + ".intended");
                case "recant.attempt.effects.v1":
                    kind = Facts.EFFECTS;
                    effects(data, bytes);
                    return id.equals(attempt + ".effects." + chunk);
                case "recant.attempt.settled.v1":
                    kind = Facts.SETTLED;
                    settled(data);
                    return id.equals(attempt + ".settled");
                case "recant.attempt.observed.v1":
                    kind = Facts.OBSERVED;
                    return id.equals(observed(data));
                case "recant.source.opened.v1":
                    shape(data, "leaseMs sdk", "", "data");
                    name(data, "sdk");
                    whole(data, "leaseMs", 1, DURATION_MS_MAX);
                    return id.equals("opened");
                case "recant.source.heartbeat.v1":
                    shape(data, "nothingOlderThan", "", "data");
                    require(isTime(string(data, "nothingOlderThan")), "nothingOlderThan");
                    return HEARTBEAT.matcher(id).matches();
                case "recant.source.closed.v1":
                    shape(data, "reason", "", "data");
                    name(data, "reason");
                    return id.equals("closed");
                case "recant.act.recorded.v1":
                    return id.equals(act(data));
                default:
                    throw new Refused("unknown event type " + quote(type));
            }
        }

        /** @return the id of an act */
        private String act(Json data) {
            shape(data, "act object operation outcome", "actor code detail reason repeated request selection", "data");
            name(data, "operation");
            inline(data.get("object"));
            for (String member : new String[] {"code", "request"}) if (data.get(member) != null) name(data, member);
            for (String member : new String[] {"detail", "selection"}) if (data.get(member) != null) inline(data.get(member));
            if (data.get("reason") != null) require(isReason(string(data, "reason")), "reason");
            Json actor = data.get("actor");
            if (actor != null) {
                shape(actor, "id", "name", "actor");
                name(actor, "id");
                if (actor.get("name") != null) name(actor, "name");
            }
            Json repeated = data.get("repeated");
            if (repeated != null) {
                shape(repeated, "count first last", "", "repeated");
                whole(repeated, "count", 1, COUNT_MAX);
                require(isTime(string(repeated, "first")) && isTime(string(repeated, "last")), "first or last");
            }
            String outcome = string(data, "outcome");
            require(List.of("pending", "done", "refused", "failed").contains(outcome), "outcome");
            return "act." + matches(data, "act", UUID_V7) + (outcome.equals("pending") ? ".pending" : ".ended");
        }

        private void intended(Json data) {
            shape(data, "action arguments attempt context deadlineMs resources reversibility tool", "before expectedAfter inverts", "data");
            attempt(data);
            name(data, "tool");
            content(data.get("arguments"));
            Json resources = data.get("resources");
            require(resources.kind == '[' && resources.items.size() <= RESOURCES_MAX, "resources");
            for (Json resource : resources.items) require(resource.kind == '"' && isResource(resource.text), "resources");
            require(List.of("read", "reversible", "compensable", "irreversible", "unknown").contains(string(data, "reversibility")), "reversibility");
            whole(data, "deadlineMs", 1, DURATION_MS_MAX);
            context(data.get("context"));
            for (String member : new String[] {"before", "expectedAfter"}) {
                Json byResource = data.get(member);
                if (byResource == null) continue;
                require(byResource.kind == '{' && byResource.keys.size() <= RESOURCES_MAX, member);
                for (String resource : byResource.keys) require(isResource(resource), member);
                for (Json versions : byResource.items) versions(versions, member);
            }
            Json inverts = data.get("inverts");
            if (inverts == null) return;
            shape(inverts, "action attempt run source step", "", "inverts");
            name(inverts, "source");
            matches(inverts, "action", UUID_V7);
            whole(inverts, "attempt", 1, COUNT_MAX);
            matches(inverts, "run", RECORD_ID);
            whole(inverts, "step", 1, COUNT_MAX);
        }

        private void context(Json context) {
            shape(context, "", "agentVersion labels model onBehalfOf parent session", "context");
            for (String member : new String[] {"agentVersion", "model", "onBehalfOf", "session"}) if (context.get(member) != null) name(context, member);
            if (context.get("parent") != null) matches(context, "parent", UUID_V7);
            Json labels = context.get("labels");
            if (labels == null) return;
            names(labels, LABELS_MAX, "labels");
            for (Json label : labels.items) require(label.kind == '"' && (label.text.isEmpty() || isName(label.text)), "labels");
        }

        private void effects(Json data, byte[] bytes) {
            shape(data, "action attempt chunk effects", "", "data");
            attempt(data);
            chunk = whole(data, "chunk", 0, CHUNKS_MAX - 1);
            Json list = effectList(data);
            effects = list.items.size();
            // Stored bytes are canonical, so this slice is the canonical form of the chunk's effects.
            hash.update(bytes, list.from, list.to - list.from);
            System.arraycopy(hash.digest(), 0, effectsHash, 0, 32);
        }

        /** @return the id derived from the data */
        private String observed(Json data) {
            shape(data, "action attempt chunk chunks effects from login system to transaction", "agent counted of", "data");
            attempt(data);
            for (String member : new String[] {"agent", "of"}) if (data.get(member) != null) name(data, member);
            name(data, "login");
            require(isTime(string(data, "from")) && isTime(string(data, "to")), "from or to");
            chunk = whole(data, "chunk", 0, CHUNKS_MAX - 1);
            chunks = whole(data, "chunks", 1, CHUNKS_MAX);
            effectList(data);
            Json counted = data.get("counted");
            if (counted != null) {
                require(counted.kind == '[', "counted");
                for (Json changes : counted.items) {
                    shape(changes, "changes table", "unknown", "counted");
                    name(changes, "table");
                    whole(changes, "changes", 1, SAFE_MAX);
                    Json unknown = changes.get("unknown");
                    require(unknown == null || unknown.kind == 't' || unknown.kind == 'f', "unknown");
                }
            }
            String prefix = attempt + ".observed." + matches(data, "system", SYSTEM_NAME) + ".";
            transaction = prefix + matches(data, "transaction", TRANSACTION);
            return prefix + string(data, "transaction").replace('/', '-') + "." + chunk;
        }

        private Json effectList(Json data) {
            Json list = data.get("effects");
            require(list.kind == '[', "effects");
            for (Json effect : list.items) effect(effect);
            return list;
        }

        private void effect(Json effect) {
            shape(effect, "operation ordinal parts resource", "ambiguous beyond compensation reads", "effects");
            Json ambiguous = effect.get("ambiguous");
            require(ambiguous == null || ambiguous.kind == 't' || ambiguous.kind == 'f', "ambiguous");
            Json beyond = effect.get("beyond");
            require(beyond == null || beyond.kind == '[', "beyond");
            if (beyond != null) for (Json item : beyond.items) require(item.kind == '"' && isName(item.text), "beyond");
            require(isResource(string(effect, "resource")), "resource");
            name(effect, "operation");
            matches(effect, "ordinal", ORDINAL);
            Json parts = effect.get("parts");
            names(parts, Integer.MAX_VALUE, "parts");
            for (Json part : parts.items) {
                shape(part, "after before", "", "parts");
                for (Json version : part.items) version(version, "parts");
            }
            if (effect.get("reads") != null) versions(effect.get("reads"), "reads");
            Json compensation = effect.get("compensation");
            if (compensation == null) return;
            shape(compensation, "connector images", "", "compensation");
            matches(compensation, "connector", CONNECTOR);
            Json images = compensation.get("images");
            require(images.kind == '[', "images");
            for (Json image : images.items) require(image.kind == '"' && !image.text.isEmpty() && isPrintable(image.text, RESOURCE_BYTES_MAX), "images");
        }

        private void settled(Json data) {
            shape(data, "action attempt chunks digest durationMs effects outcome", "error result", "data");
            attempt(data);
            require(List.of("succeeded", "failed", "denied", "suspended", "unknown").contains(string(data, "outcome")), "outcome");
            chunks = whole(data, "chunks", 0, CHUNKS_MAX);
            effects = whole(data, "effects", 0, SAFE_MAX);
            digestHex = matches(data, "digest", HEX_64);
            whole(data, "durationMs", 0, DURATION_MS_MAX);
            Json error = data.get("error");
            if (error != null) {
                shape(error, "code message", "", "error");
                name(error, "code");
                String message = string(error, "message");
                require(utf8(message).length <= MESSAGE_BYTES_MAX && message.indexOf('\0') < 0, "message");
            }
            if (data.get("result") != null) content(data.get("result"));
        }

        private void attempt(Json data) {
            attempt = matches(data, "action", UUID_V7) + "." + whole(data, "attempt", 1, COUNT_MAX);
        }

        private static void content(Json content) {
            require(content.kind == '{', "content");
            if (content.get("part") == null) {
                shape(content, "inline", "", "content");
                inline(content.get("inline"));
                return;
            }
            shape(content, "part", "", "content");
            Json part = content.get("part");
            shape(part, "digest salt size", "subject", "part");
            matches(part, "digest", HEX_64);
            matches(part, "salt", SALT);
            whole(part, "size", 0, PART_BYTES_MAX);
            if (part.get("subject") != null) name(part, "subject");
        }

        private static void inline(Json value) {
            require(value.kind == '{' && value.to - value.from <= INLINE_BYTES_MAX, "inline");
        }

        private static void versions(Json versions, String where) {
            names(versions, Integer.MAX_VALUE, where);
            for (Json version : versions.items) version(version, where);
        }

        private static void version(Json version, String where) {
            require(version.kind == 'n' || (version.kind == '"' && isVersion(version.text)), where);
        }

        private static void names(Json object, int max, String where) {
            require(object.kind == '{' && object.keys.size() <= max, where);
            for (String key : object.keys) require(isName(key), where);
        }

        /** An object with exactly these members: each protocol version is closed. Names ascend, like the members of canonical JSON. */
        private static void shape(Json object, String required, String optional, String where) {
            require(object.kind == '{', where);
            List<String> wanted = words(required);
            List<String> allowed = words(optional);
            int found = 0;
            for (String key : object.keys) {
                if (found < wanted.size() && wanted.get(found).equals(key)) found += 1;
                else if (!allowed.contains(key)) throw new Refused(where + " lacks a member or has an unknown one");
            }
            require(found == wanted.size(), where);
        }

        private static final Map<String, List<String>> WORDS = new HashMap<>();

        private static List<String> words(String names) {
            return WORDS.computeIfAbsent(names, all -> all.isEmpty() ? List.of() : List.of(all.split(" ")));
        }

        private static String string(Json object, String key) {
            String text = object.text(key);
            require(text != null, key);
            return text;
        }

        private static String name(Json object, String key) {
            String text = string(object, key);
            require(isName(text), key);
            return text;
        }

        private static String matches(Json object, String key, String form) {
            String text = string(object, key);
            require(hasForm(text, form), key);
            return text;
        }

        private static String matches(Json object, String key, Pattern pattern) {
            String text = string(object, key);
            require(pattern.matcher(text).matches(), key);
            return text;
        }

        private static long whole(Json object, String key, long min, long max) {
            long number = object.whole(key, min, max);
            require(number >= 0, key);
            return number;
        }

        private static void require(boolean holds, String where) {
            if (!holds) throw new Refused(where + " is invalid");
        }

        private static boolean isReason(String text) {
            return !text.isEmpty() && isPrintable(text, REASON_BYTES_MAX);
        }

        private static boolean isName(String text) {
            return !text.isEmpty() && !text.equals("__proto__") && isPrintable(text, NAME_BYTES_MAX);
        }

        private static boolean isPrintable(String text, int max) {
            if (text.length() > max) return false;
            boolean isAscii = true;
            for (int at = 0; at < text.length(); at += 1) {
                char character = text.charAt(at);
                if (character < 0x20 || (character >= 0x7f && character <= 0x9f)) return false;
                isAscii &= character < 0x80;
            }
            return isAscii || utf8(text).length <= max;
        }

        private static boolean isVersion(String text) {
            for (int at = 0; at < text.length(); at += 1) if (text.charAt(at) <= ' ' || text.charAt(at) > '~') return false;
            return !text.isEmpty() && text.length() <= VERSION_BYTES_MAX;
        }

        private static boolean isResource(String text) {
            Matcher system = SYSTEM.matcher(text);
            if (text.length() > RESOURCE_BYTES_MAX || !system.lookingAt()) return false;
            for (int at = system.end(); at < text.length(); at += 1) {
                char character = text.charAt(at);
                if (character < 128 && IN_PATH[character]) continue;
                if (character != '%' || at + 2 >= text.length() || !isUpperHex(text.charAt(at + 1)) || !isUpperHex(text.charAt(at + 2))) return false;
                at += 2;
            }
            return !(text.indexOf('%') >= 0 && NEEDLESS.matcher(text).find()) && !(text.contains("/.") && DOT_SEGMENT.matcher(text).find());
        }

        private static boolean isUpperHex(char character) {
            return (character >= '0' && character <= '9') || (character >= 'A' && character <= 'F');
        }

        private static boolean hasForm(String text, String form) {
            if (text.length() != form.length()) return false;
            for (int at = 0; at < form.length(); at += 1) {
                char character = text.charAt(at);
                boolean isDigit = character >= '0' && character <= '9';
                boolean fits = switch (form.charAt(at)) {
                    case '0' -> isDigit;
                    case 'f' -> isDigit || (character >= 'a' && character <= 'f');
                    case 'v' -> character == '8' || character == '9' || character == 'a' || character == 'b';
                    default -> character == form.charAt(at);
                };
                if (!fits) return false;
            }
            return true;
        }

        /** RFC 3339 in UTC with milliseconds, an existing day from 1970 on, no leap seconds. */
        static boolean isTime(String text) {
            if (!hasForm(text, TIME)) return false;
            int year = Integer.parseInt(text, 0, 4, 10);
            int month = twoDigits(text, 5);
            int day = twoDigits(text, 8);
            if (year < 1970 || month < 1 || month > 12 || day < 1 || day > java.time.YearMonth.of(year, month).lengthOfMonth()) return false;
            return twoDigits(text, 11) < 24 && twoDigits(text, 14) < 60 && twoDigits(text, 17) < 60;
        }

        private static int twoDigits(String text, int at) {
            return (text.charAt(at) - '0') * 10 + text.charAt(at + 1) - '0';
        }
    }

    /** Home shard of a source: the first 8 bytes of SHA-256 of canonical `[tenant, source]`, modulo the number of shards. */
    static int shardOf(String tenant, String source, int shards) {
        byte[] hash = sha256().digest(utf8("[" + quote(tenant) + "," + quote(source) + "]"));
        return (int) Long.remainderUnsigned(int64(hash, 0), shards);
    }

    // ---------------------------------------------------------------------------------------------------------------------- across entries

    /**
     * The checks across the whole bundle: one fixed-length record per event, ordered by an external merge sort. One buffer is in memory; when full it is
     * written to a temporary file as a sorted run, and the runs are merged at the end. Key: half a SHA-256 of source and attempt, of source and id, or
     * of a source alone. Number: chunk, or first sequence number of a range.
     */
    static final class Facts implements AutoCloseable {
        static final int OTHER = 0;
        static final int INTENDED = 1;
        static final int EFFECTS = 2;
        static final int SETTLED = 3;
        static final int RUN = 4;
        static final int OBSERVED = 5;

        static final int KEY_BYTES = 16;
        static final int KIND_AT = 16;
        static final int NUMBER_AT = 17;
        static final int SHARD_AT = 25;
        static final int INDEX_AT = 27;
        /** End of the bytes that order the facts. */
        static final int COUNT_AT = 35;
        static final int CHUNKS_AT = 43;
        static final int DIGEST_AT = 47;
        static final int BYTES = 79;

        /** Facts in memory before a run is written: 16 MB. Tests lower it, so that small bundles are sorted through the file too. */
        private static final int IN_MEMORY = Integer.getInteger("recant.facts", 200_000);
        private static final int RUN_BUFFER = 64;
        /** Facts per write. */
        private static final int SPILL_PIECE = 4_096;
        private byte[] buffer = new byte[1_024 * BYTES];
        private int count;
        private final List<long[]> runs = new ArrayList<>();
        private Path path;
        private RandomAccessFile file;
        private final MessageDigest hash = sha256();

        void add(EventCheck event, int shard, long index) throws IOException {
            String key = switch (event.kind) {
                case OTHER -> "\n\n" + event.id;
                case OBSERVED -> "\n\n" + event.transaction;
                default -> "\n" + event.attempt;
            };
            int at = place(event.source + key, event.kind, event.kind == EFFECTS || event.kind == OBSERVED ? event.chunk : 0, shard, index);
            if (event.kind == EFFECTS || event.kind == SETTLED) putInt64(buffer, at + COUNT_AT, event.effects);
            if (event.kind == EFFECTS) System.arraycopy(event.effectsHash(), 0, buffer, at + DIGEST_AT, 32);
            if (event.kind == SETTLED || event.kind == OBSERVED) putInt32(buffer, at + CHUNKS_AT, (int) event.chunks);
            if (event.kind != SETTLED) return;
            System.arraycopy(HexFormat.of().parseHex(event.digestHex), 0, buffer, at + DIGEST_AT, 32);
        }

        void addRun(String source, long first, long last, int shard, long index) throws IOException {
            int at = place(source + "\n", RUN, first, shard, index);
            putInt64(buffer, at + COUNT_AT, last);
        }

        private int place(String key, int kind, long number, int shard, long index) throws IOException {
            if (count == IN_MEMORY) spill();
            if ((count + 1) * BYTES > buffer.length) buffer = Arrays.copyOf(buffer, Math.max(count + 1, Math.min(IN_MEMORY, 4 * count)) * BYTES);
            int at = count * BYTES;
            count += 1;
            Arrays.fill(buffer, at, at + BYTES, (byte) 0);
            System.arraycopy(hash.digest(utf8(key)), 0, buffer, at, KEY_BYTES);
            buffer[at + KIND_AT] = (byte) kind;
            putInt64(buffer, at + NUMBER_AT, number);
            buffer[at + SHARD_AT] = (byte) (shard >>> 8);
            buffer[at + SHARD_AT + 1] = (byte) shard;
            putInt64(buffer, at + INDEX_AT, index);
            return at;
        }

        interface Use {
            void fact(byte[] bytes, int at);
        }

        /** Calls `use` with all facts in order. */
        void each(Use use) throws IOException {
            if (runs.isEmpty()) {
                for (int at : sorted()) use.fact(buffer, at);
                return;
            }
            spill();
            PriorityQueue<Run> queue = new PriorityQueue<>((a, b) -> compare(a.bytes, a.at, b.bytes, b.at));
            for (long[] run : runs) {
                Run next = new Run(run[0], run[1]);
                if (next.advance()) queue.add(next);
            }
            for (Run next = queue.poll(); next != null; next = queue.poll()) {
                use.fact(next.bytes, next.at);
                if (next.advance()) queue.add(next);
            }
        }

        private static int compare(byte[] a, int atA, byte[] b, int atB) {
            return Arrays.compareUnsigned(a, atA, atA + COUNT_AT, b, atB, atB + COUNT_AT);
        }

        /** Offsets in order: sorted by the first 40 bits of the key, ties by the rest. */
        private int[] sorted() {
            long[] prefixes = new long[count];
            for (int n = 0; n < count; n += 1) prefixes[n] = (int64(buffer, n * BYTES) & 0xffffffffff000000L) | n;
            // With the top bit flipped, signed order equals the unsigned order in which runs are merged.
            for (int n = 0; n < count; n += 1) prefixes[n] ^= Long.MIN_VALUE;
            Arrays.sort(prefixes);
            int[] order = new int[count];
            for (int n = 0; n < count; n += 1) order[n] = (int) (prefixes[n] & 0xffffff) * BYTES;
            for (int from = 0, to; from < count; from = to) {
                for (to = from + 1; to < count && (prefixes[to] ^ prefixes[from]) >>> 24 == 0; to += 1) { }
                if (to - from > 1) sortTies(order, from, to);
            }
            return order;
        }

        private void sortTies(int[] order, int from, int to) {
            Integer[] ties = new Integer[to - from];
            for (int n = from; n < to; n += 1) ties[n - from] = order[n];
            Arrays.sort(ties, (a, b) -> compare(buffer, a, buffer, b));
            for (int n = from; n < to; n += 1) order[n] = ties[n - from];
        }

        private void spill() throws IOException {
            if (file == null) {
                path = Files.createTempFile("recant-verify", ".facts");
                file = new RandomAccessFile(path.toFile(), "rw");
            }
            long start = file.length();
            file.seek(start);
            byte[] piece = new byte[Math.min(count, SPILL_PIECE) * BYTES];
            int length = 0;
            for (int at : sorted()) {
                System.arraycopy(buffer, at, piece, length, BYTES);
                length += BYTES;
                if (length < piece.length) continue;
                file.write(piece, 0, length);
                length = 0;
            }
            file.write(piece, 0, length);
            runs.add(new long[] {start, start + (long) count * BYTES});
            count = 0;
        }

        private final class Run {
            private long next;
            private final long end;
            final byte[] bytes = new byte[RUN_BUFFER * BYTES];
            int at;
            private int to;

            Run(long start, long end) {
                this.next = start;
                this.end = end;
            }

            boolean advance() throws IOException {
                at += BYTES;
                if (at < to) return true;
                int length = (int) Math.min(bytes.length, end - next);
                if (length == 0) return false;
                file.seek(next);
                file.readFully(bytes, 0, length);
                next += length;
                at = 0;
                to = length;
                return true;
            }
        }

        @Override
        public void close() throws IOException {
            if (file == null) return;
            file.close();
            Files.delete(path);
        }
    }

    /** Collects the sequence numbers of each source as gap-free ranges: one fact per range instead of one per event. Tracks a bounded number of sources. */
    static final class Senders {
        private static final int SOURCES_MAX = 4_096;

        private static final class Stretch {
            long first;
            long last;
            int shard;
            long index;
        }

        private final Map<String, Stretch> stretches = new LinkedHashMap<>();
        private final Facts facts;

        Senders(Facts facts) {
            this.facts = facts;
        }

        /** @return whether the source is new in this log, so that its home shard must be checked */
        boolean add(String source, long number, int shard, long index) throws IOException {
            Stretch stretch = stretches.get(source);
            boolean isKnown = stretch != null && stretch.shard == shard;
            if (isKnown && number == stretch.last + 1) {
                stretch.last = number;
                return false;
            }
            if (isKnown && number >= stretch.first && number <= stretch.last) return false;
            if (stretch != null) end(source, stretch);
            else if (stretches.size() >= SOURCES_MAX) finish();
            Stretch next = new Stretch();
            next.first = number;
            next.last = number;
            next.shard = shard;
            next.index = index;
            stretches.put(source, next);
            return !isKnown;
        }

        void finish() throws IOException {
            for (Map.Entry<String, Stretch> stretch : stretches.entrySet()) end(stretch.getKey(), stretch.getValue());
            stretches.clear();
        }

        private void end(String source, Stretch stretch) throws IOException {
            facts.addRun(source, stretch.first, stretch.last, stretch.shard, stretch.index);
        }
    }

    /** Reads the facts in order and checks those of one key together, without storing them. */
    static final class Judge {
        private final Facts facts;
        private final Set<Integer> partial;
        private final Warnings warnings;
        private final byte[] before = new byte[Facts.BYTES];
        private boolean isFirst = true;
        private boolean isIntended;
        private long chunks;
        private boolean isDense;
        private long effects;
        private long known;
        private final MessageDigest digest = sha256();
        private Broken duplicate;

        Judge(Facts facts, Set<Integer> partial, Warnings warnings) {
            this.facts = facts;
            this.partial = partial;
            this.warnings = warnings;
        }

        void judge() throws IOException {
            facts.each(this::fact);
            endTransaction();
            if (duplicate != null) throw duplicate;
        }

        private void fact(byte[] bytes, int at) {
            int kind = bytes[at + Facts.KIND_AT];
            int shard = uint16(bytes, at + Facts.SHARD_AT);
            long index = int64(bytes, at + Facts.INDEX_AT);
            long number = int64(bytes, at + Facts.NUMBER_AT);
            boolean isNewKey = isFirst || !Arrays.equals(bytes, at, at + Facts.KEY_BYTES, before, 0, Facts.KEY_BYTES);
            boolean isAgain = !isNewKey && Arrays.equals(bytes, at, at + Facts.SHARD_AT, before, 0, Facts.SHARD_AT);
            if (isNewKey) {
                endTransaction();
                isIntended = false;
                chunks = 0;
                isDense = true;
                effects = 0;
                digest.reset();
                known = partial.contains(shard) ? number - 1 : 0;
            }
            if (kind == Facts.RUN) run(number, int64(bytes, at + Facts.COUNT_AT), shard, index);
            else if (isAgain) repeated(shard, index);
            else if (kind == Facts.INTENDED) isIntended = true;
            else if (kind == Facts.EFFECTS) {
                isDense &= number == chunks;
                chunks += 1;
                effects += int64(bytes, at + Facts.COUNT_AT);
                digest.update(bytes, at + Facts.DIGEST_AT, 32);
            } else if (kind == Facts.OBSERVED) {
                isDense &= number == chunks;
                chunks += 1;
            } else if (kind == Facts.SETTLED && !partial.contains(shard)) settled(bytes, at, shard, index);
            System.arraycopy(bytes, at, before, 0, Facts.BYTES);
            isFirst = false;
        }

        /** The fact before this one may be the last chunk of an observed transaction. */
        private void endTransaction() {
            int shard = uint16(before, Facts.SHARD_AT);
            if (isFirst || before[Facts.KIND_AT] != Facts.OBSERVED || partial.contains(shard)) return;
            long reported = uint32(before, Facts.CHUNKS_AT);
            if (chunks == reported && isDense) return;
            warnings.add("chunk_missing", shard, int64(before, Facts.INDEX_AT), "expected " + reported + " chunks of the transaction, got " + chunks);
        }

        /** Each source numbers its events from 1 without gaps, so numbers between two ranges never arrived. */
        private void run(long first, long last, int shard, long index) {
            if (first > known + 1) warnings.add("source_gap", shard, index, "sequence numbers " + (known + 1) + " to " + (first - 1) + " of the source are missing");
            known = Math.max(known, last);
        }

        private void repeated(int shard, long index) {
            boolean isEarlier = duplicate == null || shard < duplicate.shard || (shard == duplicate.shard && index < duplicate.index);
            String detail = "entry " + int64(before, Facts.INDEX_AT) + " of shard " + uint16(before, Facts.SHARD_AT) + " is the same event";
            if (isEarlier) duplicate = new Broken("key_duplicate", detail, shard, index);
        }

        private void settled(byte[] bytes, int at, int shard, long index) {
            if (!isIntended) warnings.add("settlement_without_intent", shard, index, "this attempt has no recorded intent");
            long reported = uint32(bytes, at + Facts.CHUNKS_AT);
            if (chunks != reported || !isDense) {
                warnings.add("chunk_missing", shard, index, "expected " + reported + " chunks, got " + chunks);
                return;
            }
            byte[] all = digest.digest();
            boolean isSame = Arrays.equals(all, 0, 32, bytes, at + Facts.DIGEST_AT, at + Facts.DIGEST_AT + 32);
            long count = int64(bytes, at + Facts.COUNT_AT);
            if (count != effects || !isSame) {
                warnings.add("chunk_missing", shard, index, "the " + effects + " recorded effects do not match the settlement, which reports " + count + " (count and digest)");
            }
        }
    }

    // ---------------------------------------------------------------------------------------------------------------------- bytes and text

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (GeneralSecurityException cause) {
            throw new IllegalStateException(cause);
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** @return null where the bytes are not UTF-8 */
    static String strictUtf8(byte[] bytes, int at, int to) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, at, to - at)).toString();
        } catch (java.nio.charset.CharacterCodingException cause) {
            return null;
        }
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    /** Standard base64 with padding, canonical. @return null where the text is not */
    static byte[] base64(String text) {
        if (text == null) return null;
        try {
            byte[] bytes = java.util.Base64.getDecoder().decode(text);
            return java.util.Base64.getEncoder().encodeToString(bytes).equals(text) ? bytes : null;
        } catch (IllegalArgumentException cause) {
            return null;
        }
    }

    /** A number below 2^63 without leading zeros. @return −1 where the text is not one */
    static long decimal(String text) {
        if (text == null || text.isEmpty() || text.length() > 19 || (text.length() > 1 && text.charAt(0) == '0')) return -1;
        for (int at = 0; at < text.length(); at += 1) if (text.charAt(at) < '0' || text.charAt(at) > '9') return -1;
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException cause) {
            return -1;
        }
    }

    static long epochOf(String origin) {
        var found = Pattern.compile("/e([1-9][0-9]{0,8})\\z").matcher(origin);
        return found.find() ? Long.parseLong(found.group(1)) : 0;
    }

    /** As ECMAScript's encodeURIComponent. */
    static String percentEncode(String text) {
        StringBuilder encoded = new StringBuilder();
        for (byte next : utf8(text)) {
            boolean isPlain = (next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z') || (next >= '0' && next <= '9') || "-_.!~*'()".indexOf(next) >= 0;
            if (isPlain) encoded.append((char) next);
            else encoded.append('%').append(HexFormat.of().withUpperCase().toHexDigits(next));
        }
        return encoded.toString();
    }

    /** A string in canonical JSON. */
    static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (int at = 0; at < text.length(); at += 1) {
            char character = text.charAt(at);
            switch (character) {
                case '"' -> quoted.append("\\\"");
                case '\\' -> quoted.append("\\\\");
                case '\b' -> quoted.append("\\b");
                case '\f' -> quoted.append("\\f");
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                case '\t' -> quoted.append("\\t");
                default -> {
                    if (character < 0x20) quoted.append(String.format("\\u%04x", (int) character));
                    else quoted.append(character);
                }
            }
        }
        return quoted.append('"').toString();
    }

    static String quoteAll(List<String> texts) {
        return "[" + String.join(",", texts.stream().map(Verify::quote).toList()) + "]";
    }

    /** Replaces control characters, so that recorded text cannot control a terminal. */
    static String printable(String text) {
        return text.replaceAll("\\p{Cntrl}|[\\x{80}-\\x{9f}\\x{200e}\\x{200f}\\x{202a}-\\x{202e}\\x{2066}-\\x{2069}]", "\ufffd");
    }

    static long uint32(byte[] bytes, int at) {
        return ((bytes[at] & 0xffL) << 24) | ((bytes[at + 1] & 0xff) << 16) | ((bytes[at + 2] & 0xff) << 8) | (bytes[at + 3] & 0xff);
    }

    static int uint16(byte[] bytes, int at) {
        return ((bytes[at] & 0xff) << 8) | (bytes[at + 1] & 0xff);
    }

    static long int64(byte[] bytes, int at) {
        return (uint32(bytes, at) << 32) | uint32(bytes, at + 4);
    }

    static void putInt32(byte[] bytes, int at, int number) {
        for (int n = 0; n < 4; n += 1) bytes[at + n] = (byte) (number >>> (24 - 8 * n));
    }

    static void putInt64(byte[] bytes, int at, long number) {
        putInt32(bytes, at, (int) (number >>> 32));
        putInt32(bytes, at + 4, (int) number);
    }
}

// Read the seals of a file: java Client.java FILE [SERVER] [FOLDER]
// Prints the texts, one per line; images of the result go to FOLDER where it is given. Java 11 or newer, nothing to
// install: the few fields that are wanted are found by pattern. In a project with a JSON library, use that.
// A server that asks for an access token gets that of the environment variable SEALKIT_TOKEN.
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Client {
    private static final Pattern TEXTS = Pattern.compile("\"rec_texts\":\\[((?:\"(?:[^\"\\\\]|\\\\.)*+\",?)*+)\\]");
    private static final Pattern STRING = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*+)\"");
    private static final Pattern PAGE = Pattern.compile("\"prunedResult\":|\"(\\w+)\":\"(/9j/[A-Za-z0-9+/=]*+)\"");
    private static final Pattern MESSAGE = Pattern.compile("\"errorMsg\":\"((?:[^\"\\\\]|\\\\.)*+)\"");

    public static void main(String[] args) throws Exception {
        if (args.length == 0) {
            System.err.println("usage: java Client.java FILE [SERVER] [FOLDER]");
            System.exit(1);
        }
        Path file = Path.of(args[0]);
        String server = args.length > 1 ? args[1] : "http://127.0.0.1:8080";
        Path folder = args.length > 2 ? Path.of(args[2]) : null;

        String question = String.format(
            "{\"file\": \"%s\", \"fileType\": %d, \"visualize\": %b}",
            Base64.getEncoder().encodeToString(Files.readAllBytes(file)),
            file.toString().toLowerCase().endsWith(".pdf") ? 0 : 1,
            folder != null);
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(server + "/seal-recognition"))
            .version(HttpClient.Version.HTTP_1_1)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(question));
        String token = System.getenv("SEALKIT_TOKEN");
        if (token != null && !token.isEmpty()) {
            builder.header("Authorization", "Bearer " + token);
        }
        HttpRequest request = builder.build();
        HttpResponse<String> response = HttpClient.newHttpClient()
            .send(request, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
        String answer = response.body();
        if (response.statusCode() != 200) {
            Matcher message = MESSAGE.matcher(answer);
            System.err.println(response.statusCode() + ": " + (message.find() ? plain(message.group(1)) : answer));
            System.exit(1);
        }

        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (Matcher texts = TEXTS.matcher(answer); texts.find();) {
            for (Matcher text = STRING.matcher(texts.group(1)); text.find();) {
                out.println(plain(text.group(1)));
            }
        }
        if (folder == null) {
            return;
        }
        Files.createDirectories(folder);
        int page = -1;
        for (Matcher part = PAGE.matcher(answer); part.find();) {
            String name = part.group(1);
            if (name == null) {
                page++;
            } else if (!name.equals("inputImage")) {
                Files.write(folder.resolve(page + "_" + name + ".jpg"), Base64.getDecoder().decode(part.group(2)));
            }
        }
    }

    private static String plain(String json) {
        return json.replace("\\\"", "\"").replace("\\\\", "\\");
    }
}

// Read the seals of a file: dotnet run FILE [SERVER] [FOLDER] (in a console project that holds this file)
// Prints the texts, one per line; images of the result go to FOLDER where it is given. .NET 6 or newer, no packages.
// A server that asks for an access token gets that of the environment variable SEALKIT_TOKEN.
using System;
using System.IO;
using System.Net.Http;
using System.Text;
using System.Text.Json;

if (args.Length == 0)
{
    Console.Error.WriteLine("usage: dotnet run FILE [SERVER] [FOLDER]");
    return 1;
}
string file = args[0];
string server = args.Length > 1 ? args[1] : "http://127.0.0.1:8080";
string? folder = args.Length > 2 ? args[2] : null;

string question = JsonSerializer.Serialize(new
{
    file = Convert.ToBase64String(File.ReadAllBytes(file)),
    fileType = file.EndsWith(".pdf", StringComparison.OrdinalIgnoreCase) ? 0 : 1,
    visualize = folder != null,
});
using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(180) };
string? token = Environment.GetEnvironmentVariable("SEALKIT_TOKEN");
if (!string.IsNullOrEmpty(token))
{
    client.DefaultRequestHeaders.Add("Authorization", "Bearer " + token);
}
using var content = new StringContent(question, Encoding.UTF8, "application/json");
using HttpResponseMessage response = await client.PostAsync(server + "/seal-recognition", content);
using JsonDocument answer = JsonDocument.Parse(await response.Content.ReadAsStreamAsync());
if (!response.IsSuccessStatusCode)
{
    Console.Error.WriteLine($"{(int)response.StatusCode}: {answer.RootElement.GetProperty("errorMsg").GetString()}");
    return 1;
}

Console.OutputEncoding = new UTF8Encoding(false);
int page = 0;
foreach (JsonElement entry in answer.RootElement.GetProperty("result").GetProperty("sealRecResults").EnumerateArray())
{
    foreach (JsonElement seal in entry.GetProperty("prunedResult").GetProperty("seal_res_list").EnumerateArray())
    {
        foreach (JsonElement text in seal.GetProperty("rec_texts").EnumerateArray())
        {
            Console.WriteLine(text.GetString());
        }
    }
    if (folder != null && entry.TryGetProperty("outputImages", out JsonElement images))
    {
        Directory.CreateDirectory(folder);
        foreach (JsonProperty image in images.EnumerateObject())
        {
            string path = Path.Combine(folder, $"{page}_{image.Name}.jpg");
            File.WriteAllBytes(path, image.Value.GetBytesFromBase64());
        }
    }
    page++;
}
return 0;

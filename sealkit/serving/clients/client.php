<?php
// Read the seals of a file: php client.php FILE [SERVER] [FOLDER]
// Prints the texts, one per line; images of the result go to FOLDER where it is given. PHP 8 with its curl extension.
// A server that asks for an access token gets that of the environment variable SEALKIT_TOKEN.
declare(strict_types=1);

if ($argc < 2) {
    fwrite(STDERR, "usage: php client.php FILE [SERVER] [FOLDER]\n");
    exit(1);
}
$file = $argv[1];
$server = $argv[2] ?? 'http://127.0.0.1:8080';
$folder = $argv[3] ?? null;

$content = file_get_contents($file);
if ($content === false) {
    exit(1);
}
$question = json_encode([
    'file' => base64_encode($content),
    'fileType' => strtolower(pathinfo($file, PATHINFO_EXTENSION)) === 'pdf' ? 0 : 1,
    'visualize' => $folder !== null,
], JSON_THROW_ON_ERROR);
$headers = ['Content-Type: application/json'];
if (($token = getenv('SEALKIT_TOKEN')) !== false && $token !== '') {
    $headers[] = "Authorization: Bearer $token";
}
$request = curl_init($server . '/seal-recognition');
curl_setopt_array($request, [
    CURLOPT_POSTFIELDS => $question,
    CURLOPT_HTTPHEADER => $headers,
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 180,
]);
$body = curl_exec($request);
if ($body === false) {
    fwrite(STDERR, curl_error($request) . "\n");
    exit(1);
}
$answer = json_decode($body, true, 512, JSON_THROW_ON_ERROR);
$status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
if ($status !== 200) {
    fwrite(STDERR, "$status: {$answer['errorMsg']}\n");
    exit(1);
}

foreach ($answer['result']['sealRecResults'] as $page => $entry) {
    foreach ($entry['prunedResult']['seal_res_list'] as $seal) {
        foreach ($seal['rec_texts'] as $text) {
            echo $text, "\n";
        }
    }
    foreach ($entry['outputImages'] ?? [] as $name => $image) {
        if (!is_dir($folder)) {
            mkdir($folder, 0755, true);
        }
        file_put_contents("$folder/{$page}_$name.jpg", base64_decode($image));
    }
}

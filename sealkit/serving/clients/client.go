// Read the seals of a file: go run client.go FILE [SERVER] [FOLDER]
//
// Prints the texts, one per line; images of the result go to FOLDER where it is given. Standard library only.
// A server that asks for an access token gets that of the environment variable SEALKIT_TOKEN.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type question struct {
	File      string `json:"file"`
	FileType  int    `json:"fileType"`
	Visualize bool   `json:"visualize"`
}

type answer struct {
	ErrorMsg string `json:"errorMsg"`
	Result   struct {
		SealRecResults []struct {
			PrunedResult struct {
				Seals []struct {
					RecTexts []string `json:"rec_texts"`
				} `json:"seal_res_list"`
			} `json:"prunedResult"`
			OutputImages map[string]string `json:"outputImages"`
		} `json:"sealRecResults"`
	} `json:"result"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: go run client.go FILE [SERVER] [FOLDER]")
	}
	server, folder := "http://127.0.0.1:8080", ""
	if len(os.Args) > 2 {
		server = os.Args[2]
	}
	if len(os.Args) > 3 {
		folder = os.Args[3]
	}
	if err := read(os.Args[1], server, folder); err != nil {
		log.Fatal(err)
	}
}

func read(file, server, folder string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	asked := question{File: base64.StdEncoding.EncodeToString(content), FileType: 1, Visualize: folder != ""}
	if strings.EqualFold(filepath.Ext(file), ".pdf") {
		asked.FileType = 0
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 180 * time.Second}
	request, err := http.NewRequest(http.MethodPost, server+"/seal-recognition", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token := os.Getenv("SEALKIT_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var said answer
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%d: %s", response.StatusCode, said.ErrorMsg)
	}
	for page, entry := range said.Result.SealRecResults {
		for _, seal := range entry.PrunedResult.Seals {
			for _, text := range seal.RecTexts {
				fmt.Println(text)
			}
		}
		for name, image := range entry.OutputImages {
			if err := save(image, folder, fmt.Sprintf("%d_%s.jpg", page, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func save(image, folder, name string) error {
	content, err := base64.StdEncoding.DecodeString(image)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), content, 0o644)
}

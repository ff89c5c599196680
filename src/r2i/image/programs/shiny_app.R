# Runs a Shiny app on a Unix socket: Rscript shiny_app.R SOCKET DIRECTORY
# With further arguments, which are paths of apps below the directory, it runs a page of links to them.

arguments <- commandArgs(TRUE)
socket <- structure(arguments[1], mask = strtoi("077", 8L))

contents <- function(paths) {
    items <- lapply(paths, function(path) shiny::tags$li(shiny::tags$a(href = paste0(utils::URLencode(path), "/"), path)))
    shiny::shinyApp(shiny::fluidPage(shiny::h1("Shiny apps"), shiny::tags$ul(items)), function(input, output) {})
}

paths <- arguments[-(1:2)]
is_app <- any(tolower(list.files(arguments[2])) %in% c("app.r", "server.r"))
shiny::runApp(if (is_app) arguments[2] else contents(paths), port = socket, launch.browser = FALSE)

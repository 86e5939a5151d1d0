"""What people use: Streamlit entry, Gradio demo, command line."""
